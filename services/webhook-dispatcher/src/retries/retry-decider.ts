import { Timestamp } from '@codex-bridge/contracts'
import { type Static, Type } from 'typebox'
import { type RetrySchedule, retryDelay } from './backoff.ts'

/** What is known of a job that failed at least once. */
export const RetryState = Type.Object({
  eventId: Type.String(),
  attempts: Type.Integer({ minimum: 1 }),
  firstAt: Timestamp,
  lastAt: Timestamp,
  /** Epoch milliseconds before which the job is not attempted again. */
  due: Type.Number(),
  reason: Type.String(),
  /** How often each kind of failure happened: `503`, `timeout`, … */
  results: Type.Record(Type.String(), Type.Integer()),
})
export type RetryState = Static<typeof RetryState>

/** As stored: the states of one endpoint, by the job's sequence. */
export const StoredRetries = Type.Object({ endpointSince: Timestamp, notes: Type.Record(Type.String(), RetryState) })
export type StoredRetries = Static<typeof StoredRetries>

/** A failed attempt at the job of an event. */
export type FailedAttempt = {
  eventId: string
  at: Date
  /** Kind of failure, counted in `results`. */
  label: string
  reason: string
  /** The wait the endpoint asked for, in milliseconds. */
  retryAfterMs: number | undefined
}

/** `exhausted`: the schedule has no further attempt. The job becomes a dead letter; until that is stored, it stays due. */
export type RetryDecision = { state: RetryState; exhausted: boolean }

/** Pause before a job without further attempts is taken up again because its dead letter could not be stored, in milliseconds. */
const DEAD_LETTER_PAUSE_MS = 500

/**
 * Decides whether and when a job is attempted again after a failure. Attempts are counted here, not by the broker: its
 * delivery count also rises when a broker or a dispatcher restarts, and our outages must not use up an endpoint's attempts.
 * @param random 0 (inclusive) to 1, for the jitter
 */
export const decideRetry = (
  previous: RetryState | undefined,
  failed: FailedAttempt,
  schedule: RetrySchedule,
  random: number,
): RetryDecision => {
  const at = failed.at.toISOString()
  const attempts = (previous?.attempts ?? 0) + 1
  const delay = retryDelay(schedule, attempts, random)
  const state: RetryState = {
    eventId: failed.eventId,
    attempts,
    firstAt: previous?.firstAt ?? at,
    lastAt: at,
    due: failed.at.getTime() + Math.max(delay ?? DEAD_LETTER_PAUSE_MS, failed.retryAfterMs ?? 0),
    reason: failed.reason,
    results: { ...previous?.results, [failed.label]: (previous?.results[failed.label] ?? 0) + 1 },
  }
  return { state, exhausted: delay === undefined }
}

/** The state of a job that has not come back this long after it was due belongs to a finished job. */
const KEPT_AFTER_DUE_MS = 7 * 24 * 60 * 60_000

/** The stored states that still count. Those of another endpoint do not. */
export const restoredStates = (stored: StoredRetries | undefined, endpointSince: string, now: number): Map<number, RetryState> =>
  new Map(
    Object.entries(stored?.endpointSince === endpointSince ? stored.notes : {})
      .filter(([, state]) => state.due > now - KEPT_AFTER_DUE_MS)
      .map(([seq, state]) => [Number(seq), state]),
  )
