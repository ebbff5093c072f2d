import { MAX_PAYLOAD_BYTES } from '@codex-bridge/contracts'

/** In a payload that is cut, fields of up to this many bytes stay as they are, and longer texts keep this many characters. */
const KEPT_FIELD_BYTES = 4096
const KEPT_CHARS = 1024

/** The beginning of a long text. */
export const shortened = (text: string): string => (text.length > KEPT_CHARS ? `${text.slice(0, KEPT_CHARS)}…` : text)

/**
 * Cuts a payload that is over the limit. Short fields stay, because consumers decide by them (the status of a turn, the id of an
 * approval). The rest is shown by its beginning, with the path under which the whole can be fetched.
 */
export const bounded = <P extends object>(payload: P, threadId: string | null, limit = MAX_PAYLOAD_BYTES): P => {
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
    // Only texts and large objects are lost, and the schemas of payloads have every large object optional.
  } as P
}
