/** Where a client wants to go on: `none` is live only, `malformed` is something that this API never gave out. */
export type Cursor = { kind: 'none' } | { kind: 'malformed' } | { kind: 'after'; seq: number }

/**
 * Reads a cursor. The header wins: a browser that reconnects sends it with the address it was opened with, whose own
 * cursor is old by then. An empty value is none, as the standard says.
 */
export const cursorOf = (lastEventId: string | undefined, query: string | undefined): Cursor => {
  const text = (lastEventId || query || '').trim()
  if (text === '') return { kind: 'none' }
  const seq = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(seq) ? { kind: 'after', seq } : { kind: 'malformed' }
}
