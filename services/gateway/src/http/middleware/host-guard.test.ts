import { describe, expect, it } from 'vitest'
import { hostNameOf, isHostAllowed } from './host-guard.ts'

const local = { boundHost: '127.0.0.1', allowedHosts: ['bridge.internal'] }

describe('hostNameOf', () => {
  it.each([
    ['localhost:8787', 'localhost'],
    ['LOCALHOST', 'localhost'],
    ['localhost.:80', 'localhost'],
    ['[::1]:8787', '::1'],
    ['127.0.0.1', '127.0.0.1'],
    ['bridge.internal:1', 'bridge.internal'],
  ])('%s names %s', (header, name) => expect(hostNameOf(header)).toBe(name))

  it.each(['', 'a b', 'a/b', 'user@host', 'a:b', 'host:123456', '[::1', 'a,b', 'localhost:80:80', '\u0000', 'ünï.example'])(
    '%j is malformed',
    (header) => expect(hostNameOf(header)).toBeUndefined(),
  )
})

describe('isHostAllowed', () => {
  it.each([
    'localhost',
    'localhost:1',
    'app.localhost',
    '127.0.0.1:8787',
    '127.9.9.9',
    '[::1]:8787',
    '[::ffff:127.0.0.1]',
    'bridge.internal:99',
  ])('%s is this bridge', (header) => expect(isHostAllowed(header, local)).toBe(true))

  it.each([
    '',
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'evillocalhost',
    '128.0.0.1',
    '[::2]',
    'sub.bridge.internal',
    '0.0.0.0',
    '0x7f.1',
    '2130706433',
  ])('%s is not', (header) => expect(isHostAllowed(header, local)).toBe(false))

  it('accepts the bound host', () => {
    expect(isHostAllowed('10.1.2.3:8787', { boundHost: '10.1.2.3', allowedHosts: [] })).toBe(true)
    expect(isHostAllowed('10.1.2.4:8787', { boundHost: '10.1.2.3', allowedHosts: [] })).toBe(false)
  })

  it('accepts the address of the connection, but no name, on a wildcard bind', () => {
    const rules = { boundHost: '0.0.0.0', allowedHosts: [] }
    expect(isHostAllowed('10.1.2.3:8787', rules, '::ffff:10.1.2.3')).toBe(true)
    expect(isHostAllowed('10.1.2.4:8787', rules, '10.1.2.3')).toBe(false)
    expect(isHostAllowed('rebound.example', rules, '10.1.2.3')).toBe(false)
  })
})
