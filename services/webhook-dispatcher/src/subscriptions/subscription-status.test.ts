import { describe, expect, it } from 'vitest'
import { afterAttempt, notesOf } from '../retries/retry-state.ts'
import { NO_STATUS } from './subscription-record.ts'
import { afterDelivery, afterFailedAttempt, hasFailedTooLong } from './subscription-status.ts'

const DAY_MS = 24 * 60 * 60_000
const at = (day: number) => new Date(Date.parse('2026-01-01T00:00:00Z') + day * DAY_MS).toISOString()

describe('the status of a subscription', () => {
  it('gives up after five days of nothing but failures', () => {
    let status = NO_STATUS
    for (let day = 0; day < 5; day += 0.5) {
      status = afterFailedAttempt(status, at(day), 'no')
      expect(hasFailedTooLong(status, at(day))).toBe(false)
    }
    expect(hasFailedTooLong(afterFailedAttempt(status, at(5), 'no'), at(5))).toBe(true)
  })

  it('starts over with every success, a rare or a late one too', () => {
    let status = afterFailedAttempt(NO_STATUS, at(0), 'no')
    status = afterDelivery(status, at(4.9))
    expect(status).toEqual({ lastDeliveryAt: at(4.9), lastError: null, failingSince: null })
    expect(hasFailedTooLong(afterFailedAttempt(status, at(9), 'no'), at(9))).toBe(false)
  })
})

describe('the retry ledger', () => {
  const first = afterAttempt(undefined, { eventId: 'evt_1', at: at(0), label: '500', reason: 'r1' })

  it('counts attempts and kinds of failure', () => {
    const second = afterAttempt({ ...first, due: 0 }, { eventId: 'evt_1', at: at(1), label: '500', reason: 'r2' })
    const third = afterAttempt({ ...second, due: 0 }, { eventId: 'evt_1', at: at(2), label: 'timeout', reason: 'r3' })
    expect(third).toEqual({ eventId: 'evt_1', attempts: 3, firstAt: at(0), lastAt: at(2), reason: 'r3', results: { '500': 2, timeout: 1 } })
  })

  it('drops what was earned by another endpoint or is long past', () => {
    const now = Date.parse(at(10))
    const notes = { '7': { ...first, due: now + 5 }, '8': { ...first, due: Date.parse(at(1)) } }
    expect([...notesOf({ endpointSince: 'a', notes }, 'a', now).keys()]).toEqual([7])
    expect(notesOf({ endpointSince: 'a', notes }, 'b', now).size).toBe(0)
    expect(notesOf(undefined, 'a', now).size).toBe(0)
  })
})
