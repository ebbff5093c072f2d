import { type BridgeEvent, guard, StoredEvent } from '@codex-bridge/contracts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const encodeJson = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value))
export const decodeText = (bytes: Uint8Array): string => decoder.decode(bytes)

/** @throws SyntaxError for what is not JSON */
export const decodeJson = (bytes: Uint8Array): unknown => JSON.parse(decoder.decode(bytes))

const isStoredEvent = guard(StoredEvent)

/** An event of the log with its sequence, or undefined for a body that is not one of ours. */
export const decodeEvent = (bytes: Uint8Array, seq: number): BridgeEvent | undefined => {
  try {
    const body = decodeJson(bytes)
    return isStoredEvent(body) ? { seq, ...body } : undefined
  } catch {
    return
  }
}

/**
 * The JSON text of an event with its sequence, spliced in without parsing: `{` + `"seq":7,` + the rest. The body was
 * written by encodeJson, so it starts with `{"`.
 */
export const eventJson = (bytes: Uint8Array, seq: number): string => `{"seq":${seq},${decoder.decode(bytes).slice(1)}`
