import { describe, expect, it } from 'vitest'
import { admission, afterFailure, afterProbeStart, afterSuccess, type Breaker, CLOSED } from './circuit-breaker.ts'

const plain = { overloaded: false, retryAfterMs: undefined }
const fail = (breaker: Breaker, now: number, times: number): Breaker =>
  times === 0 ? breaker : fail(afterFailure(breaker, now, plain), now, times - 1)

describe('the circuit breaker', () => {
  it('opens after five consecutive failures and not before', () => {
    expect(admission(fail(CLOSED, 0, 4), 0)).toBe('all')
    expect(admission(fail(CLOSED, 0, 5), 0)).toBe('none')
    expect(admission(fail(afterSuccess(fail(CLOSED, 0, 4), 0), 0, 4), 0)).toBe('all')
  })

  it('lets one probe through after its pause, then closes or pauses twice as long', () => {
    const open = fail(CLOSED, 0, 5)
    expect(admission(open, 999)).toBe('none')
    expect(admission(open, 1000)).toBe('probe')
    const probing = afterProbeStart(open)
    expect(admission(probing, 1000)).toBe('none')
    expect(admission(afterSuccess(probing, 1100), 1100)).toBe('all')
    const again = afterFailure(probing, 1100, plain)
    expect([admission(again, 3099), admission(again, 3100)]).toEqual(['none', 'probe'])
  })

  it('pauses for at most a minute', () => {
    let breaker = fail(CLOSED, 0, 5)
    for (let round = 0; round < 20; round += 1) breaker = afterFailure(afterProbeStart(breaker), breaker.openUntil, plain)
    const before = breaker.openUntil
    expect(afterFailure(afterProbeStart(breaker), before, plain).openUntil - before).toBe(60_000)
  })

  it('opens at once for an overloaded endpoint, for as long as it asks', () => {
    expect(admission(afterFailure(CLOSED, 0, { overloaded: true, retryAfterMs: undefined }), 999)).toBe('none')
    const asked = afterFailure(CLOSED, 0, { overloaded: true, retryAfterMs: 30_000 })
    expect([admission(asked, 29_999), admission(asked, 30_000)]).toEqual(['none', 'probe'])
  })

  it('ignores attempts that started before it opened, except for a longer Retry-After', () => {
    const open = fail(CLOSED, 0, 5)
    expect(fail(open, 500, 7).openUntil).toBe(open.openUntil)
    expect(admission(afterSuccess(open, 500), 500)).toBe('none')
    expect(afterFailure(open, 500, { overloaded: true, retryAfterMs: 60_000 }).openUntil).toBe(60_500)
  })
})
