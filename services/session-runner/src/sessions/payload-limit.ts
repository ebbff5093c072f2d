import { MAX_PAYLOAD_BYTES } from '@codex-bridge/contracts'

/** Of a payload that is cut, fields of up to this many bytes stay as they are, and texts keep this many characters. */
const KEPT_FIELD_BYTES = 4096
const KEPT_CHARS = 1024

/** A text by its beginning, where it is long. */
export const shortened = (text: string): string => (text.length > KEPT_CHARS ? `${text.slice(0, KEPT_CHARS)}…` : text)

/**
 * Cuts what is over the limit: what is short stays, because consumers decide by it (the status of a turn, the id of an
 * approval), the rest is shown by its beginning, and where the whole is to be had is said.
 */
export const bounded = (payload: Record<string, unknown>, threadId: string | null, limit = MAX_PAYLOAD_BYTES): Record<string, unknown> => {
  const text = JSON.stringify(payload)
  const bytes = Buffer.byteLength(text)
  if (bytes <= limit) return payload
  let room = limit / 8
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(payload)) {
    const size = Buffer.byteLength(JSON.stringify({ [name]: value }))
    const short = size <= KEPT_FIELD_BYTES ? value : typeof value === 'string' ? shortened(value) : undefined
    room -= Math.min(size, KEPT_FIELD_BYTES)
    if (short !== undefined && room > 0) kept[name] = short
  }
  return {
    ...kept,
    truncated: true,
    originalBytes: bytes,
    preview: text.slice(0, limit / 4),
    ...(threadId !== null && { fetch: `/codex/threads/${threadId}` }),
  }
}
