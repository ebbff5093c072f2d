/**
 * Health of one endpoint. `openUntil` 0: closed, attempts start freely. Before `openUntil` none starts; after it one at a
 * time, as a probe, until one succeeds.
 */
export type Breaker = { failures: number; trips: number; openUntil: number; probing: boolean }

export const CLOSED: Breaker = { failures: 0, trips: 0, openUntil: 0, probing: false }

/** Consecutive failures that open it, and how long it then stays open: doubling from the first value to the last. */
const FAILURES_TO_OPEN = 5
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 60_000

export type Admission = 'all' | 'probe' | 'none'

/** Which attempts may start now. */
export const admission = (breaker: Breaker, now: number): Admission => {
  if (breaker.openUntil === 0) return 'all'
  return now >= breaker.openUntil && !breaker.probing ? 'probe' : 'none'
}

/** After the start of an attempt that was admitted as a probe. */
export const afterProbeStart = (breaker: Breaker): Breaker => ({ ...breaker, probing: true })

/** After an attempt that says nothing about the endpoint. */
export const afterInterruption = (breaker: Breaker): Breaker => ({ ...breaker, probing: false })

/**
 * After a success. While open, a success can only come from an attempt that started before: an endpoint that accepts some
 * requests and refuses others still gets its pause.
 */
export const afterSuccess = (breaker: Breaker, now: number): Breaker => (now < breaker.openUntil ? { ...breaker, failures: 0 } : CLOSED)

/** After a failure. Failures of attempts that started before it opened extend it only if they carry a longer Retry-After. */
export const afterFailure = (breaker: Breaker, now: number, about: { overloaded: boolean; retryAfterMs: number | undefined }): Breaker => {
  const failures = breaker.failures + 1
  const asked = about.overloaded ? now + (about.retryAfterMs ?? 0) : 0
  if (now < breaker.openUntil) return { ...breaker, failures, openUntil: Math.max(breaker.openUntil, asked) }
  const opens = breaker.openUntil > 0 || about.overloaded || failures >= FAILURES_TO_OPEN
  if (!opens) return { ...breaker, failures }
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** breaker.trips, LONGEST_PAUSE_MS)
  return { failures, trips: breaker.trips + 1, openUntil: Math.max(now + pause, asked), probing: false }
}
