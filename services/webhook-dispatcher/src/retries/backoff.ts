/** Seconds before each attempt, the first included. There are as many attempts as entries. */
export type RetrySchedule = readonly number[]

/** Share by which a delay varies, so that jobs that failed together are not retried together. */
const JITTER = 0.2

/** Longest wait that is granted to a Retry-After header, in milliseconds. */
export const RETRY_AFTER_CAP_MS = 60 * 60_000

/** Parses `0,5,300`; fractions are allowed. */
export const parseSchedule = (csv: string): RetrySchedule => csv.split(',').map(Number)

/**
 * Milliseconds to wait after a number of failed attempts; undefined when the schedule is used up.
 * @param random 0 (inclusive) to 1
 */
export const retryDelay = (schedule: RetrySchedule, failedAttempts: number, random: number): number | undefined => {
  const seconds = schedule[failedAttempts]
  return seconds === undefined ? undefined : seconds * 1000 * (1 - JITTER + 2 * JITTER * random)
}

/** The wait a Retry-After header asks for, in milliseconds and capped; undefined without a header or for an invalid one. */
export const parseRetryAfter = (header: string | undefined, now: number): number | undefined => {
  const text = header?.trim()
  if (!text) return
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now
  return Number.isNaN(ms) || ms <= 0 ? undefined : Math.min(ms, RETRY_AFTER_CAP_MS)
}
