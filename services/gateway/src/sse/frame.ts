import { eventJson, type RawEvent } from '@codex-bridge/bus'
import { type EventContext, parseEventSubject } from '@codex-bridge/contracts'

const DATA = 'data: '
const OPENING = [0x7b, 0x22] as const
const LINE_BREAK = /[\r\n]/
const LINE_BREAKS = /[\r\n]+/g

const encoder = new TextEncoder()

/**
 * An event on its way to clients: its frame is made once and shared by all of them. The frame has no event name, so that
 * `EventSource.onmessage` gets every event (the type is in the data), and ends with its id: a client cut inside a frame has
 * not seen the id and asks for the event again.
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

  /** Undefined for a message of the log that is no event of ours. */
  static of(raw: RawEvent): StreamEvent | undefined {
    const laneId = parseEventSubject(raw.subject)?.laneId
    if (laneId === undefined || OPENING.some((byte, index) => raw.bytes[index] !== byte)) return
    const json = eventJson(raw.bytes, raw.seq)
    // A line break would end the data line. JSON has none inside strings, so outside of them a space means the same.
    const line = LINE_BREAK.test(json) ? json.replace(LINE_BREAKS, ' ') : json
    return new StreamEvent(raw.seq, laneId, raw.type, encoder.encode(`${DATA}${line}\nid: ${raw.seq}\n\n`))
  }

  /** What scopes are compared with; read from the body only when a filter asks for it. */
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
      // Not worth the process: it is shown to those who do not ask for a thread or session.
      return { laneId: this.laneId, threadId: null, sessionId: null }
    }
  }
}

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/**
 * First bytes of a stream: how long to wait before a reconnect, and an id without data. The id makes no event in a client
 * but is what it resumes from, so a cut before the first event loses nothing.
 */
export const openingFrame = (retryMs: number, position: number): Uint8Array => encoder.encode(`retry: ${retryMs}\nid: ${position}\n\n`)

/** Keeps proxies from closing a quiet stream; with a position it also moves the client's cursor past what its filter hid. */
export const heartbeatFrame = (position?: number): Uint8Array =>
  encoder.encode(position === undefined ? ': heartbeat\n\n' : `: heartbeat\nid: ${position}\n\n`)

/** `gap`: events are gone. `reset`: the cursor means nothing here; everything that is kept follows. */
export type Notice = { event: 'gap' | 'reset'; reason: string; from: number; to: number }

/** A named event about the stream itself. Its id is where the stream goes on, so that the notice is not repeated on resume. */
export const noticeFrame = ({ event, ...data }: Notice, position: number): Uint8Array =>
  encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\nid: ${position}\n\n`)

/** A delta: a named event without an id, because it is not stored and cannot be resumed from. */
export const deltaFrame = (json: string): Uint8Array => encoder.encode(`event: delta\n${DATA}${json.replace(LINE_BREAKS, ' ')}\n\n`)

/** Reconnects of many clients spread over this range, in milliseconds. */
const RETRY_FROM_MS = 2000
const RETRY_TO_MS = 5000

/** @param random a number from 0 to 1 */
export const retryMs = (random: number): number => Math.round(RETRY_FROM_MS + random * (RETRY_TO_MS - RETRY_FROM_MS))
