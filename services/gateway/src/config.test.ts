import { describe, expect, it } from 'vitest'
import { entriesOf, readConfig } from './config.ts'

const problemsOf = (environment: NodeJS.ProcessEnv): string => {
  try {
    readConfig(environment)
    return ''
  } catch (error) {
    return JSON.stringify((error as { details: unknown }).details)
  }
}

describe('readConfig', () => {
  it('has defaults', () => {
    expect(readConfig({})).toMatchObject({ PORT: 8787, HOST: '127.0.0.1', BRIDGE_MAX_BODY_BYTES: 2_097_152, BRIDGE_MAX_STREAMS: 1000 })
  })

  it('accepts port 0 and converts text to numbers', () => expect(readConfig({ PORT: '0' }).PORT).toBe(0))

  it('reports every problem', () => {
    expect(problemsOf({ PORT: 'x', BRIDGE_MAX_BODY_BYTES: '-1' })).toMatch(/PORT.*BRIDGE_MAX_BODY_BYTES/)
  })

  it('rejects a host beyond loopback unless unauthenticated access is allowed', () => {
    expect(problemsOf({ HOST: '0.0.0.0' })).toContain('BRIDGE_ALLOW_UNAUTHENTICATED=1')
    expect(problemsOf({ HOST: '::' })).toContain('reachable')
    expect(problemsOf({ HOST: '0.0.0.0', BRIDGE_ALLOW_UNAUTHENTICATED: '1' })).toBe('')
    expect(problemsOf({ HOST: '::1' })).toBe('')
    expect(problemsOf({ HOST: 'localhost' })).toBe('')
  })

  it('rejects values that are not origins', () => {
    expect(problemsOf({ BRIDGE_ALLOWED_ORIGINS: 'https://a.example/path' })).toContain('is not an origin')
    expect(problemsOf({ BRIDGE_ALLOWED_ORIGINS: '*' })).toContain('is not an origin')
    expect(problemsOf({ BRIDGE_ALLOWED_ORIGINS: 'https://a.example, http://localhost:3000' })).toBe('')
  })
})

describe('entriesOf', () => {
  it('splits and trims', () => expect(entriesOf(' a, ,b,')).toEqual(['a', 'b']))
})
