import type { SubscriptionStatus } from './subscription-record.ts'

/** An endpoint that has done nothing but fail for this long is given up, in milliseconds. */
const GIVE_UP_AFTER_MS = 5 * 24 * 60 * 60_000

export const afterDelivery = (_status: SubscriptionStatus, at: string): SubscriptionStatus => ({
  lastDeliveryAt: at,
  lastError: null,
  failingSince: null,
})

export const afterFailedAttempt = (status: SubscriptionStatus, at: string, reason: string): SubscriptionStatus => ({
  ...status,
  lastError: reason,
  failingSince: status.failingSince ?? at,
})

/** Whether the endpoint has failed for so long that the subscription must be disabled. */
export const hasFailedTooLong = (status: SubscriptionStatus, now: string): boolean =>
  status.failingSince !== null && Date.parse(now) - Date.parse(status.failingSince) >= GIVE_UP_AFTER_MS
