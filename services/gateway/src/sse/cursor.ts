/** Where a client resumes. `none`: live only. `malformed`: not a position that this API returned. */
export type Cursor = { kind: 'none' } | { kind: 'malformed' } | { kind: 'after'; seq: number }

/**
 * Parses a cursor. The header takes precedence: a reconnecting browser sends it along with the original URL, whose cursor is outdated
 * by then. An empty value means none, as the SSE standard requires.
 */
export const cursorOf = (lastEventId: string | undefined, query: string | undefined): Cursor => {
  const text = (lastEventId || query || '').trim()
  if (text === '') return { kind: 'none' }
  const seq = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(seq) ? { kind: 'after', seq } : { kind: 'malformed' }
}
