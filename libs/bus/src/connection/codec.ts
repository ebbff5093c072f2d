import { type BridgeEvent, type EventEnvelope, type Parsed, parseEnvelope, parseEvent } from '@codex-bridge/contracts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const encodeJson = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value))
export const decodeText = (bytes: Uint8Array): string => decoder.decode(bytes)

/** @throws SyntaxError if the bytes are not JSON */
export const decodeJson = (bytes: Uint8Array): unknown => JSON.parse(decoder.decode(bytes))

/** Reads a message of the log: the event with its sequence, or why it is not one. */
export type Decode<E extends EventEnvelope> = (bytes: Uint8Array, seq: number) => Parsed<E>

const decodeWith =
  <E extends EventEnvelope>(parse: (body: unknown, seq: number) => Parsed<E>): Decode<E> =>
  (bytes, seq) => {
    let body: unknown
    try {
      body = decodeJson(bytes)
    } catch {
      return { problem: 'not JSON' }
    }
    return parse(body, seq)
  }

/** Typed events, with payload and state checked: for services that act on what happened. */
export const decodeEvent: Decode<BridgeEvent> = decodeWith(parseEvent)

/** Events without a look at payload and state: for services that only match and forward. */
export const decodeEnvelope: Decode<EventEnvelope> = decodeWith(parseEnvelope)

/**
 * The JSON text of an event with its sequence, spliced in without parsing: `{` + `"seq":7,` + the rest. Bodies are written by
 * encodeJson, so they start with `{"`.
 */
export const eventJson = (bytes: Uint8Array, seq: number): string => `{"seq":${seq},${decoder.decode(bytes).slice(1)}`
