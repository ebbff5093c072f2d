/** What is known of a job that failed at least once. */
export type RetryNote = {
  eventId: string
  attempts: number
  firstAt: string
  lastAt: string
  /** Epoch milliseconds before which it is not tried again. */
  due: number
  reason: string
  /** How often each kind of failure happened: `503`, `timeout`, … */
  results: Record<string, number>
}

/** As stored: of one endpoint, by the job's sequence. */
export type StoredLedger = { endpointSince: string; notes: Record<string, RetryNote> }

/**
 * Attempts are counted here and not by the broker's delivery count: that one also rises when a broker or a dispatcher
 * restarts, and an outage of ours must not use up an endpoint's attempts.
 */
export const afterAttempt = (
  note: RetryNote | undefined,
  failure: { eventId: string; at: string; label: string; reason: string },
): Omit<RetryNote, 'due'> => ({
  eventId: failure.eventId,
  attempts: (note?.attempts ?? 0) + 1,
  firstAt: note?.firstAt ?? failure.at,
  lastAt: failure.at,
  reason: failure.reason,
  results: { ...note?.results, [failure.label]: (note?.results[failure.label] ?? 0) + 1 },
})

/** A note whose job has not come back this long after its time belongs to a job that is done. */
const FORGOTTEN_AFTER_MS = 7 * 24 * 60 * 60_000

/** The notes to go on with: those of another endpoint do not count for this one. */
export const notesOf = (stored: StoredLedger | undefined, endpointSince: string, now: number): Map<number, RetryNote> =>
  new Map(
    Object.entries(stored?.endpointSince === endpointSince ? stored.notes : {})
      .filter(([, note]) => note.due > now - FORGOTTEN_AFTER_MS)
      .map(([seq, note]) => [Number(seq), note]),
  )
