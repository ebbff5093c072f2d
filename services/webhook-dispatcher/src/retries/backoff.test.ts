import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseRetryAfter, parseSchedule, RETRY_AFTER_CAP_MS, retryDelay } from './backoff.ts'

const schedule = parseSchedule('0,5,300,1800,7200,18000,36000,50400,72000,86400')
const now = Date.parse('2026-01-01T00:00:00Z')

describe('the retry schedule', () => {
  it('gives each delay, varied by up to a fifth', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: schedule.length - 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (failed, random) => {
        const wait = retryDelay(schedule, failed, random) ?? Number.NaN
        const planned = (schedule[failed] ?? Number.NaN) * 1000
        expect(wait).toBeGreaterThanOrEqual(planned * 0.8 - 1e-6)
        expect(wait).toBeLessThanOrEqual(planned * 1.2 + 1e-6)
      }),
      { numRuns: 10_000 },
    )
  })

  it('is exhausted after as many attempts as it has entries', () => {
    expect(retryDelay(schedule, 9, 0.5)).toBe(86_400_000)
    expect(retryDelay(schedule, 10, 0.5)).toBeUndefined()
  })

  it('accepts fractions', () => {
    expect(parseSchedule('0,0.25,3')).toEqual([0, 0.25, 3])
  })
})

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    [' 1 ', 1000],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['999999999', RETRY_AFTER_CAP_MS],
    ['Fri, 01 Jan 2100 00:00:00 GMT', RETRY_AFTER_CAP_MS],
    ['99999999999999999999999999', RETRY_AFTER_CAP_MS],
    ['0', undefined],
    ['-5', undefined],
    ['Wed, 31 Dec 2025 00:00:00 GMT', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j means %j', (header, expected) => {
    expect(parseRetryAfter(header, now)).toBe(expected)
  })

  it('is never more than the cap and never negative', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const wait = parseRetryAfter(text, now)
        expect(wait === undefined || (wait > 0 && wait <= RETRY_AFTER_CAP_MS)).toBe(true)
      }),
    )
  })
})
