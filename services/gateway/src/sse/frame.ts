import { eventJson, type RawEvent } from '@codex-bridge/bus'
import { type EventContext, parseEventSubject } from '@codex-bridge/contracts'

const DATA = 'data: '
const OPENING = [0x7b, 0x22] as const
const LINE_BREAK = /[\r\n]/
const LINE_BREAKS = /[\r\n]+/g

const encoder = new TextEncoder()

/**
 * An event with its SSE frame, which is encoded once and shared by all clients. The frame has no event name, so that
 * `EventSource.onmessage` receives every event; the type is in the data. The id comes last: a client that is disconnected within a
 * frame has not seen the id and requests the event again.
 */
export class StreamEvent {
  readonly seq: number
  readonly laneId: string
  readonly type: string
  readonly frame: Uint8Array
  #context: EventContext | undefined

  private constructor(seq: number, laneId: string, type: string, frame: Uint8Array) {
    this.seq = seq
    this.laneId = laneId
    this.type = type
    this.frame = frame
  }

  /** Undefined for a log message that is not an event. */
  static of(raw: RawEvent): StreamEvent | undefined {
    const laneId = parseEventSubject(raw.subject)?.laneId
    if (laneId === undefined || OPENING.some((byte, index) => raw.bytes[index] !== byte)) return
    const json = eventJson(raw.bytes, raw.seq)
    // A line break would end the data line. JSON strings contain none, so it can be replaced by a space.
    const line = LINE_BREAK.test(json) ? json.replace(LINE_BREAKS, ' ') : json
    return new StreamEvent(raw.seq, laneId, raw.type, encoder.encode(`${DATA}${line}\nid: ${raw.seq}\n\n`))
  }

  /** The ids that scopes are matched against; parsed on first use. */
  get context(): EventContext {
    this.#context ??= this.#readContext()
    return this.#context
  }

  #readContext(): EventContext {
    const text = new TextDecoder().decode(this.frame)
    try {
      const body = JSON.parse(text.slice(DATA.length, text.indexOf('\n'))) as { threadId?: unknown; sessionId?: unknown }
      return { laneId: this.laneId, threadId: textOrNull(body.threadId), sessionId: textOrNull(body.sessionId) }
    } catch {
      // A malformed body matches only filters without threads and sessions.
      return { laneId: this.laneId, threadId: null, sessionId: null }
    }
  }
}

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/**
 * First frame of a stream: the reconnect delay, and an id without data. The id dispatches no event in the client but is the position
 * to resume from, so a disconnect before the first event loses nothing.
 */
export const openingFrame = (retryMs: number, position: number): Uint8Array => encoder.encode(`retry: ${retryMs}\nid: ${position}\n\n`)

/** Keeps proxies from closing a quiet stream. A position moves the client's cursor past filtered events. */
export const heartbeatFrame = (position?: number): Uint8Array =>
  encoder.encode(position === undefined ? ': heartbeat\n\n' : `: heartbeat\nid: ${position}\n\n`)

/** `gap`: events are no longer stored. `reset`: the cursor is invalid; every stored event follows. */
export type Notice = { event: 'gap' | 'reset'; reason: string; from: number; to: number }

/** A named event about the stream itself. Its id is the position after it, so that it is not repeated on resume. */
export const noticeFrame = ({ event, ...data }: Notice, position: number): Uint8Array =>
  encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\nid: ${position}\n\n`)

/** A delta: a named event without an id, since it is not stored. */
export const deltaFrame = (json: string): Uint8Array => encoder.encode(`event: delta\n${DATA}${json.replace(LINE_BREAKS, ' ')}\n\n`)

/** Range of the reconnect delay, in milliseconds; spreads the reconnects of many clients. */
const RETRY_FROM_MS = 2000
const RETRY_TO_MS = 5000

/** @param random a number from 0 to 1 */
export const retryMs = (random: number): number => Math.round(RETRY_FROM_MS + random * (RETRY_TO_MS - RETRY_FROM_MS))
