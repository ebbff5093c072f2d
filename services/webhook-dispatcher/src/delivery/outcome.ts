import { UNREACHABLE } from '../http/address-policy.ts'
import { parseRetryAfter } from '../retries/retry-schedule.ts'

/** What came of one POST. `interrupted`: we broke it off ourselves, which says nothing of the endpoint. */
export type AttemptResult =
  | { kind: 'answered'; status: number; retryAfter: string | undefined }
  | { kind: 'timeout' | 'unreachable' | 'unsignable' | 'interrupted' }

/** What a failed attempt means. `label` counts in the summary, `reason` is shown as `lastError`. */
export type Failure = {
  delivered: false
  label: string
  reason: string
  /** The endpoint is gone for good: disable the subscription. */
  gone: boolean
  /** The endpoint, not the message, is the problem: slow down all of it. */
  overloaded: boolean
  /** The wait it asks for. */
  retryAfterMs: number | undefined
}

export type Verdict = { delivered: true } | Failure

const GONE = 410
const OVERLOADED = new Set([429, 502, 503, 504])

/**
 * The meaning of a result: only 2xx is delivered; a redirect is a failure and never followed; every other failure is tried
 * again, 410 included, should the subscription be enabled again.
 */
export const judge = (result: AttemptResult, now: number): Verdict => {
  if (result.kind !== 'answered') return failure(result.kind, REASONS[result.kind])
  const { status } = result
  if (status >= 200 && status < 300) return { delivered: true }
  return {
    ...failure(String(status), `The endpoint answered ${status}`),
    gone: status === GONE,
    // Gone slows it too: nothing more is sent while the subscription is being disabled.
    overloaded: OVERLOADED.has(status) || status === GONE,
    retryAfterMs: parseRetryAfter(result.retryAfter, now),
  }
}

const REASONS = {
  timeout: 'The endpoint did not answer in time',
  unreachable: UNREACHABLE,
  unsignable: 'The secret cannot be read with the present key',
  interrupted: 'The attempt was broken off',
} as const

const failure = (label: string, reason: string): Failure => ({
  delivered: false,
  label,
  reason,
  gone: false,
  overloaded: false,
  retryAfterMs: undefined,
})
