import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { waitFor } from '../wait-for.ts'
import { openSseConnection, type SseConnection, SseRefusal } from './sse-connection.ts'
import { reportSequence, type SequenceReport } from './sse-sequence.ts'

export type SseOptions = {
  headers?: OutgoingHttpHeaders
  /** Sent as Last-Event-ID with the first connection. */
  lastEventId?: string
  /** Connect again after a lost connection, as EventSource does; default false. */
  reconnect?: boolean
  /** Delay before a reconnect unless the server sends `retry:`; default 1000. */
  retryMs?: number
  /** Default 5000. */
  openTimeoutMs?: number
}

export type SseEvent = {
  /** The id in this frame; null without one. */
  readonly id: string | null
  /** The frame's event name, `message` without one. */
  readonly event: string
  /** Parsed when it is JSON, else the text. */
  readonly data: unknown
  readonly text: string
  /** `performance.now()` */
  readonly receivedAt: number
  /** Number of the connection it came on, from 1. */
  readonly connection: number
}

export type SseState = 'connecting' | 'open' | 'lost' | 'refused' | 'closed'

type Waiter = {
  readonly check: (event: SseEvent) => void
  readonly fail: (error: Error) => void
}

const parseData = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** An EventSource whose socket a test can cut, stall and inspect. */
export class SseClient {
  /** Every event in order of arrival, over all connections. */
  readonly events: SseEvent[] = []
  state: SseState = 'connecting'
  /** Comment lines seen; servers use them as heartbeats. */
  comments = 0
  /** Connections that were opened. */
  connections = 0
  /** The current delay before a reconnect. */
  retryMs: number
  /** Response headers of the newest connection. */
  headers: IncomingHttpHeaders = {}
  /** `performance.now()` of the newest bytes, heartbeats included. */
  lastByteAt: number | undefined
  refusal: SseRefusal | undefined

  readonly #url: URL
  readonly #options: SseOptions
  readonly #waiters = new Set<Waiter>()
  #lastEventId: string
  #connection: SseConnection | undefined
  #retryTimer: NodeJS.Timeout | undefined

  constructor(url: string, options: SseOptions = {}) {
    this.#url = new URL(url)
    this.#options = options
    this.#lastEventId = options.lastEventId ?? ''
    this.retryMs = options.retryMs ?? 1000
  }

  /** The Last-Event-ID of the next connection; empty for none. */
  get lastEventId(): string {
    return this.#lastEventId
  }

  /** Connects now, with Last-Event-ID. Rejects with an `SseRefusal` or the network's error; ends an open connection. */
  async connect(): Promise<void> {
    this.#drop()
    this.state = 'connecting'
    const { headers = {}, openTimeoutMs = 5000 } = this.#options
    const number = this.connections + 1
    const connection = openSseConnection(
      this.#url,
      { headers, openTimeoutMs, lastEventId: this.#lastEventId },
      {
        onBytes: () => {
          this.lastByteAt = performance.now()
        },
        onComment: () => {
          this.comments += 1
        },
        onRetry: (ms) => {
          this.retryMs = ms
        },
        onLastEventId: (id) => {
          this.#lastEventId = id
        },
        onEvent: ({ id, event, data }) => this.#collect(id ?? null, event ?? 'message', data, number),
      },
    )
    this.#connection = connection
    void connection.down.then(() => this.#lost(connection))
    try {
      this.headers = await connection.opened
      this.connections = number
      this.state = 'open'
    } catch (error) {
      if (error instanceof SseRefusal && this.#connection === connection) {
        this.#drop()
        this.state = 'refused'
        this.refusal = error
        this.#failWaiters(error)
      }
      throw error
    }
  }

  /** Resolves with the first event, past or future, that matches the predicate. */
  waitFor(predicate: (event: SseEvent) => boolean, timeoutMs = 5000): Promise<SseEvent> {
    const past = this.events.find(predicate)
    if (past) return Promise.resolve(past)
    if (this.refusal) return Promise.reject(this.refusal)
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer)
        this.#waiters.delete(waiter)
        act()
      }
      const waiter: Waiter = {
        check: (event) => predicate(event) && settle(() => resolve(event)),
        fail: (error) => settle(() => reject(error)),
      }
      const timer = setTimeout(() => waiter.fail(new Error(this.#explain(timeoutMs))), timeoutMs)
      this.#waiters.add(waiter)
    })
  }

  /** Resolves with the first event of a type, be it the frame's event name or the `type` in its data. */
  until(type: string, timeoutMs = 5000): Promise<SseEvent> {
    return this.waitFor(({ event, data }) => {
      const typed = typeof data === 'object' && data !== null && 'type' in data && data.type === type
      return typed || event === type
    }, timeoutMs)
  }

  /** Resolves when the connection is down: ended by the server, lost, or refused. */
  async untilDown(timeoutMs = 5000): Promise<void> {
    await waitFor(() => this.state !== 'open' && this.state, { timeoutMs, describe: 'the event stream to end' })
  }

  /** Breaks the connection with a TCP reset, as a dying network does. With `reconnect` the client reconnects. */
  cut(): void {
    this.#connection?.cut()
  }

  /** Stops reading from the socket: a client that is too slow. Being cut is noticed only after `resume()`. */
  stall(): void {
    this.#connection?.stall()
  }

  resume(): void {
    this.#connection?.resume()
  }

  /** Closes the client for good. */
  close(): void {
    this.state = 'closed'
    this.#drop()
    this.#failWaiters(new Error('the event stream client was closed'))
  }

  /** Loss and repetition according to the ids, over all connections. */
  sequence(): SequenceReport {
    return reportSequence(this.events)
  }

  /** Throws unless every id was higher than the one before: no duplicate, in order. */
  assertStrictlyIncreasing(): void {
    const { duplicates, outOfOrder, count } = this.sequence()
    if (duplicates.length > 0 || outOfOrder.length > 0) {
      const found = `duplicates [${duplicates.slice(0, 20)}], out of order [${outOfOrder.slice(0, 20)}]`
      throw new Error(`ids of ${count} events are not strictly increasing: ${found}`)
    }
  }

  /** Throws unless the ids are strictly increasing without a gap: for streams without a filter. */
  assertContiguous(): void {
    this.assertStrictlyIncreasing()
    const { gaps, count } = this.sequence()
    if (gaps.length > 0) {
      const missing = gaps.slice(0, 20).map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`))
      throw new Error(`ids of ${count} events have gaps: ${missing.join(', ')}`)
    }
  }

  #collect(id: string | null, event: string, text: string, connection: number): void {
    const received: SseEvent = { id, event, data: parseData(text), text, receivedAt: performance.now(), connection }
    this.events.push(received)
    for (const waiter of this.#waiters) waiter.check(received)
  }

  #lost(connection: SseConnection): void {
    // A connection that this client replaced, closed or saw refused is not lost.
    if (this.#connection !== connection) return
    this.#drop()
    this.state = 'lost'
    if (this.#options.reconnect) {
      // After a failed attempt this runs again when its connection is down; a refusal ends the client.
      this.#retryTimer = setTimeout(() => this.connect().catch(() => undefined), this.retryMs)
    }
  }

  #drop(): void {
    clearTimeout(this.#retryTimer)
    this.#connection?.end()
    this.#connection = undefined
  }

  #failWaiters(error: Error): void {
    for (const waiter of this.#waiters) waiter.fail(error)
  }

  #explain(timeoutMs: number): string {
    const last = this.events.slice(-5).map((event) => `${event.id ?? '-'} ${event.event} ${event.text.slice(0, 120)}`)
    return `waited ${timeoutMs} ms for an event; stream is ${this.state}, ${this.events.length} came, last:\n${last.join('\n')}`
  }
}

/**
 * Opens an event stream. Without `reconnect` a first connection that fails rejects; with it, only a refusal does, or no
 * connection within `openTimeoutMs`.
 */
export const connectSse = async (url: string, options: SseOptions = {}): Promise<SseClient> => {
  const client = new SseClient(url, options)
  try {
    await client.connect().catch((error: unknown) => {
      if (!options.reconnect) throw error
    })
    await waitFor(() => client.refusal ?? client.connections > 0, {
      timeoutMs: options.openTimeoutMs ?? 5000,
      describe: `an event stream at ${url}`,
    })
    if (client.refusal) throw client.refusal
    return client
  } catch (error) {
    client.close()
    throw error
  }
}
