import { UNREACHABLE } from '../http/address-policy.ts'
import { parseRetryAfter } from '../retries/backoff.ts'

/** Result of one POST. `interrupted`: we aborted it ourselves, which says nothing about the endpoint. */
export type AttemptResult =
  | { kind: 'answered'; status: number; retryAfter: string | undefined }
  | { kind: 'timeout' | 'unreachable' | 'unsignable' | 'interrupted' }

/** A failed attempt. `label` counts in the summary, `reason` is shown as `lastError`. */
export type Failure = {
  delivered: false
  label: string
  reason: string
  /** The endpoint is permanently gone: disable the subscription. */
  gone: boolean
  /** The endpoint, not the message, is the problem: slow down all its deliveries. */
  overloaded: boolean
  /** The wait it asks for, in milliseconds. */
  retryAfterMs: number | undefined
}

export type Outcome = { delivered: true } | Failure

const GONE = 410
const OVERLOADED = new Set([429, 502, 503, 504])

/**
 * Only 2xx is delivered. A redirect is a failure and never followed. Every failure is retried, 410 included, in case the
 * subscription is enabled again.
 */
export const classifyResult = (result: AttemptResult, now: number): Outcome => {
  if (result.kind !== 'answered') return failure(result.kind, REASONS[result.kind])
  const { status } = result
  if (status >= 200 && status < 300) return { delivered: true }
  return {
    ...failure(String(status), `The endpoint answered ${status}`),
    gone: status === GONE,
    // Also for 410: nothing more is sent while the subscription is being disabled.
    overloaded: OVERLOADED.has(status) || status === GONE,
    retryAfterMs: parseRetryAfter(result.retryAfter, now),
  }
}

const REASONS = {
  timeout: 'The endpoint did not answer in time',
  unreachable: UNREACHABLE,
  unsignable: 'The secret cannot be decrypted with the current key',
  interrupted: 'The attempt was aborted',
} as const

const failure = (label: string, reason: string): Failure => ({
  delivered: false,
  label,
  reason,
  gone: false,
  overloaded: false,
  retryAfterMs: undefined,
})
