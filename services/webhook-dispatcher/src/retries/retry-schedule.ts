/** Seconds before each attempt; the first is the first attempt's own delay, the length is the number of attempts. */
export type RetrySchedule = readonly number[]

/** Share by which a delay may be shorter or longer, so that what failed together is not retried together. */
const JITTER = 0.2

/** Longest wait an endpoint can ask for with Retry-After, in milliseconds. */
export const RETRY_AFTER_CAP_MS = 60 * 60_000

/** Reads `0,5,300`; fractions are allowed. */
export const parseSchedule = (csv: string): RetrySchedule => csv.split(',').map(Number)

/**
 * Milliseconds to wait after so many failed attempts; undefined when the schedule is used up.
 * @param random 0 (inclusive) to 1
 */
export const retryDelay = (schedule: RetrySchedule, failedAttempts: number, random: number): number | undefined => {
  const seconds = schedule[failedAttempts]
  return seconds === undefined ? undefined : seconds * 1000 * (1 - JITTER + 2 * JITTER * random)
}

/** The wait a Retry-After header asks for in milliseconds, capped; undefined for no header and for one that makes no sense. */
export const parseRetryAfter = (header: string | undefined, now: number): number | undefined => {
  const text = header?.trim()
  if (!text) return
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now
  return Number.isNaN(ms) || ms <= 0 ? undefined : Math.min(ms, RETRY_AFTER_CAP_MS)
}
