import { describe, expect, it } from 'vitest'
import { NO_STATUS } from './subscription-record.ts'
import { afterDelivery, afterFailedAttempt, hasFailedTooLong } from './subscription-status.ts'

const DAY_MS = 24 * 60 * 60_000
const at = (day: number) => new Date(Date.parse('2026-01-01T00:00:00Z') + day * DAY_MS).toISOString()

describe('the status of a subscription', () => {
  it('gives the endpoint up after five days of nothing but failures', () => {
    let status = NO_STATUS
    for (let day = 0; day < 5; day += 0.5) {
      status = afterFailedAttempt(status, at(day), 'no')
      expect(hasFailedTooLong(status, at(day))).toBe(false)
    }
    expect(hasFailedTooLong(afterFailedAttempt(status, at(5), 'no'), at(5))).toBe(true)
  })

  it('starts over with every success, however rare or late', () => {
    let status = afterFailedAttempt(NO_STATUS, at(0), 'no')
    status = afterDelivery(status, at(4.9))
    expect(status).toEqual({ lastDeliveryAt: at(4.9), lastError: null, failingSince: null })
    expect(hasFailedTooLong(afterFailedAttempt(status, at(9), 'no'), at(9))).toBe(false)
  })
})
