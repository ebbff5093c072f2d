import type { RawEvent } from '@codex-bridge/bus'
import type { Sink } from '../src/sse/client.ts'
import type { LogExtent, LogRange, LogSource } from '../src/sse/log-source.ts'

const tick = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Events per portion of a read. */
const PORTION = 3

/** An event log in memory that loses live events on request, for unit tests. */
export class ScriptedLog implements LogSource {
  events: RawEvent[] = []
  firstSeq = 1
  created = 'first'
  up = true
  /** Reads fail after this many more events; counts down. */
  readsUntilFailure = Number.POSITIVE_INFINITY
  reads = 0
  #next = 1
  #inFlight: RawEvent[] = []
  readonly #handlers = new Set<(event: RawEvent) => void>()
  readonly #listeners = new Set<() => void>()

  get lastSeq(): number {
    return this.#next - 1
  }

  append(laneId: string): number {
    const seq = this.#next++
    const bytes = new TextEncoder().encode(JSON.stringify({ id: `evt_${seq}`, laneId, threadId: null, sessionId: null }))
    const event = { seq, subject: `lane.evt.${laneId}.lane`, type: 'lane.updated', bytes }
    this.events.push(event)
    this.#inFlight.push(event)
    return seq
  }

  /** Delivers this many of the events in flight. */
  deliver(count = Number.POSITIVE_INFINITY): void {
    for (const event of this.#inFlight.splice(0, count)) for (const handle of this.#handlers) handle(event)
  }

  lose(count: number): void {
    this.#inFlight.splice(0, count)
  }

  reconnect(): void {
    this.#inFlight = []
    for (const listener of this.#listeners) listener()
  }

  /** Removes the oldest events. */
  expireTo(firstSeq: number): void {
    this.firstSeq = firstSeq
    this.events = this.events.filter(({ seq }) => seq >= firstSeq)
  }

  recreate(): void {
    this.events = []
    this.#inFlight = []
    this.#next = 1
    this.firstSeq = 1
    this.created += '+'
  }

  connected(): boolean {
    return this.up
  }

  onReconnect(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  subscribe(handle: (event: RawEvent) => void): () => void {
    this.#handlers.add(handle)
    return () => this.#handlers.delete(handle)
  }

  async extent(): Promise<LogExtent> {
    await tick()
    if (!this.up) throw new Error('down')
    return { firstSeq: this.firstSeq, lastSeq: this.lastSeq, created: this.created, meanBytes: 100 }
  }

  async *read({ from, to, laneId }: LogRange): AsyncGenerator<RawEvent[]> {
    this.reads += 1
    await tick()
    const found = this.events.filter(({ seq, subject }) => seq >= from && seq <= to && (!laneId || subject.includes(`.${laneId}.`)))
    for (let at = 0; at < found.length; at += PORTION) {
      const portion = found.slice(at, at + PORTION)
      this.readsUntilFailure -= portion.length
      if (!this.up || this.readsUntilFailure < 0) {
        this.readsUntilFailure = Number.POSITIVE_INFINITY
        throw new Error('read ended early')
      }
      yield portion
      await tick()
    }
  }
}

/** A connection with limited room, which parses the bytes as a browser would. */
export class ScriptedSink implements Sink {
  text = ''
  /** Bytes it accepts before it is full. */
  room: number
  closed = false
  #drain: () => void = () => undefined
  readonly #close: (() => void)[] = []
  #left: number

  constructor(room = Number.POSITIVE_INFINITY) {
    this.room = room
    this.#left = room
  }

  write(bytes: Uint8Array): boolean {
    this.text += new TextDecoder().decode(bytes)
    this.#left -= bytes.length
    return this.#left > 0
  }

  drain(): void {
    this.#left = this.room
    this.#drain()
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    for (const listener of this.#close) listener()
  }

  onDrain(listener: () => void): void {
    this.#drain = listener
  }

  onClose(listener: () => void): void {
    this.#close.push(listener)
  }

  end(): void {
    this.close()
  }

  destroy(): void {
    this.close()
  }

  /** Complete frames in the first `length` characters: what a client has seen after a disconnect. */
  frames(length = this.text.length): { event: string; data: string; id: string | undefined }[] {
    const whole = this.text.slice(0, length)
    return whole
      .slice(0, whole.lastIndexOf('\n\n') + 2)
      .split('\n\n')
      .filter(Boolean)
      .map((frame) => ({
        event: /^event: (.*)$/m.exec(frame)?.[1] ?? 'message',
        data: /^data: (.*)$/m.exec(frame)?.[1] ?? '',
        id: /^id: (.*)$/m.exec(frame)?.[1],
      }))
  }

  /** Ids of the frames with data, as `onmessage` receives them. */
  ids(length?: number): number[] {
    return this.frames(length)
      .filter(({ event, data }) => event === 'message' && data !== '')
      .map(({ id }) => Number(id))
  }

  lastId(length?: number): number {
    return Number(this.frames(length).findLast(({ id }) => id !== undefined)?.id ?? -1)
  }
}

export const settle = async (done: () => boolean, ticks = 5000): Promise<void> => {
  for (let turn = 0; turn < ticks && !done(); turn += 1) await tick()
}

export { tick }
