import { describe, expect, it } from 'vitest'
import { assertServerSupported, atLeast } from './server-requirements.ts'

describe('atLeast', () => {
  it.each([
    ['2.9.10', [2, 9, 0], true],
    ['2.9.10', [2, 9, 10], true],
    ['2.9.9', [2, 9, 10], false],
    ['2.10.26', [2, 10, 27], false],
    ['2.10.27', [2, 10, 27], true],
    ['2.11.0', [2, 10, 27], true],
    ['3.0.0', [2, 10, 27], true],
    ['1.99.99', [2, 0, 0], false],
    ['2.11.0-beta.1', [2, 11, 0], true],
    ['2.10', [2, 10, 0], true],
    ['2.10', [2, 10, 1], false],
    ['', [2, 9, 0], false],
    ['unknown', [2, 9, 0], false],
  ])('%s at least %j: %s', (version, oldest, expected) => {
    expect(atLeast(version, oldest)).toBe(expected)
  })
})

describe('assertServerSupported', () => {
  const server = (version: string, cluster?: string) => ({ version, jetstream: true, ...(cluster !== undefined && { cluster }) })

  it.each([server('2.9.10'), server('2.10.27', 'c1'), server('2.12.1', 'c1'), server('2.9.0')])('accepts %j', (info) => {
    expect(() => assertServerSupported(info)).not.toThrow()
  })

  it('refuses an old server in a cluster, where optimistic concurrency does not hold, and names what is needed', () => {
    expect(() => assertServerSupported(server('2.9.10', 'c1'))).toThrow(/2\.9\.10 in a cluster .*2\.10\.27/)
    expect(() => assertServerSupported(server('2.10.26', 'c1'))).toThrow(/2\.10\.27/)
  })

  it('refuses what is too old, has no JetStream, or says nothing', () => {
    expect(() => assertServerSupported(server('2.8.4'))).toThrow(/2\.8\.4 is not supported: 2\.9\.0/)
    expect(() => assertServerSupported({ version: '2.10.0' })).toThrow(/without JetStream/)
    expect(() => assertServerSupported({ version: '2.10.0', jetstream: false })).toThrow(/-js/)
    expect(() => assertServerSupported(undefined)).toThrow(/did not introduce itself/)
  })
})
