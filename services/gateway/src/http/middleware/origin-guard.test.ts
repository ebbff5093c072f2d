import { describe, expect, it } from 'vitest'
import { judgeOrigin } from './origin-guard.ts'

const judge = (headers: Record<string, string>, method = 'POST') => judgeOrigin(headers, method, ['https://board.example'])

describe('judgeOrigin', () => {
  it('accepts programs, which send no Origin', () => expect(judge({ host: 'localhost:8787' })).toBe('absent'))

  it.each([
    ['http://localhost:8787', 'localhost:8787'],
    ['http://127.0.0.1:8787', '127.0.0.1:8787'],
    ['http://[::1]:8787', '[::1]:8787'],
    ['http://localhost', 'localhost'],
    ['http://localhost', 'localhost:80'],
    ['https://bridge.internal', 'bridge.internal'],
  ])('%s to %s is the same', (origin, host) => expect(judge({ origin, host })).toBe('same'))

  it.each([
    ['http://localhost:3000', 'localhost:8787'],
    ['http://127.0.0.1:8787', 'localhost:8787'],
    ['http://evil.example', 'localhost:8787'],
    ['null', 'localhost:8787'],
    ['', 'localhost:8787'],
    ['file://', ''],
    ['garbage', 'garbage'],
    ['ftp://localhost:8787', 'localhost:8787'],
  ])('%s to %s is foreign', (origin, host) => expect(judge({ origin, host })).toBe('foreign'))

  it('matches listed origins exactly', () => {
    expect(judge({ origin: 'https://board.example', host: 'localhost:8787', 'sec-fetch-site': 'cross-site' })).toBe('listed')
    expect(judge({ origin: 'https://board.example:444', host: 'localhost:8787' })).toBe('foreign')
  })

  it('rejects cross-site requests without an Origin', () => {
    expect(judge({ host: 'localhost:8787', 'sec-fetch-site': 'cross-site' }, 'GET')).toBe('foreign')
    expect(judge({ host: 'localhost:8787', 'sec-fetch-site': 'same-origin' }, 'GET')).toBe('absent')
    expect(judge({ host: 'localhost:8787', 'sec-fetch-site': 'none' }, 'GET')).toBe('absent')
  })

  it('accepts a followed link, but no form and no frame', () => {
    const link = { host: 'localhost:8787', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
    expect(judge(link, 'GET')).toBe('absent')
    expect(judge(link, 'POST')).toBe('foreign')
    expect(judge({ ...link, 'sec-fetch-dest': 'iframe' }, 'GET')).toBe('foreign')
  })
})
