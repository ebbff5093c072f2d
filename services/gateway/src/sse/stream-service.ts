import type { Bus } from '@codex-bridge/bus'
import { BridgeError } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import { type Sink, StreamClient } from './client.ts'
import type { Cursor } from './cursor.ts'
import { DeltaFeed } from './delta-feed.ts'
import type { StreamFilter } from './filter.ts'
import { noticeFrame, retryMs } from './frame.ts'
import { EventHub } from './hub.ts'
import { type LogSource, openLogSource } from './log-source.ts'

const HEARTBEAT_EVERY_MS = 10_000

/** Heartbeats are spread over this many turns, so that thousands of clients are not written to at the same time. */
const HEARTBEAT_TURNS = 10

export type StreamTuning = { drainTimeoutMs?: number; heartbeatEveryMs?: number }
export type StreamServiceOptions = StreamTuning & {
  hub: EventHub
  deltas: DeltaFeed
  source: LogSource
  maxStreams: number
  logger: Logger
}

/** The open event streams of this process. */
export class StreamService {
  readonly #options: StreamServiceOptions
  readonly #turns = new Map<StreamClient, number>()
  readonly #timer: NodeJS.Timeout
  #turn = 0
  #opened = 0
  #opening = 0

  constructor(options: StreamServiceOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#heartbeats(), (options.heartbeatEveryMs ?? HEARTBEAT_EVERY_MS) / HEARTBEAT_TURNS)
  }

  get size(): number {
    return this.#turns.size
  }

  /** True if a stream can be opened now. */
  available(): boolean {
    return this.#options.source.connected()
  }

  /**
   * The start position of a client, and the notice to send first.
   * @throws BridgeError when the log does not respond
   */
  async #startOf(cursor: Cursor): Promise<{ position: number; notice?: Parameters<typeof noticeFrame>[0] }> {
    const { hub } = this.#options
    if (cursor.kind === 'none') return { position: hub.last }
    if (cursor.kind === 'after' && cursor.seq <= hub.last) return { position: cursor.seq }
    // Another replica may be ahead of this one, so only the log can tell whether the cursor is in the future.
    const { firstSeq, lastSeq } = await hub.extent()
    if (cursor.kind === 'after' && cursor.seq <= lastSeq) return { position: cursor.seq }
    const reason = cursor.kind === 'after' ? 'future_cursor' : 'malformed_cursor'
    return { position: firstSeq - 1, notice: { event: 'reset', reason, from: firstSeq, to: lastSeq } }
  }

  /**
   * Opens a stream and resolves when it ends.
   * @param open turns the response into a stream; called once the request can no longer be rejected
   * @throws BridgeError `too_many_streams`, or when the log does not respond; always before `open` is called
   */
  async run(filter: StreamFilter, cursor: Cursor, open: () => Sink): Promise<void> {
    const { hub, deltas, logger, maxStreams, drainTimeoutMs } = this.#options
    if (this.#turns.size + this.#opening >= maxStreams) throw new BridgeError('too_many_streams')
    this.#opening += 1
    const { position, notice } = await this.#startOf(cursor).finally(() => {
      this.#opening -= 1
    })
    await new Promise<void>((resolve) => {
      const client = new StreamClient(open(), hub, {
        filter,
        position,
        retryMs: retryMs(Math.random()),
        ...(drainTimeoutMs !== undefined && { drainTimeoutMs }),
        observe: (problem) => logger.warn({ problem }, 'event stream'),
        onGone: (cut) => {
          if (cut) logger.warn({ reason: cut, position: client.position }, 'event stream cut')
          this.#turns.delete(client)
          hub.detach(client)
          deltas.detach(client)
          resolve()
        },
      })
      this.#turns.set(client, this.#opened++ % HEARTBEAT_TURNS)
      if (notice) client.offerExtra(noticeFrame(notice, position))
      hub.attach(client)
      if (filter.deltas) deltas.attach(client)
    })
  }

  #heartbeats(): void {
    this.#turn = (this.#turn + 1) % HEARTBEAT_TURNS
    for (const [client, turn] of this.#turns) if (turn === this.#turn) client.heartbeat()
  }

  /** Ends every stream. */
  stop(): void {
    clearInterval(this.#timer)
    this.#options.deltas.stop()
    this.#options.hub.stop()
  }
}

/** Subscribes to the log; resolves when clients can be served. */
export const openStreams = async (bus: Bus, options: StreamTuning & { maxStreams: number; logger: Logger }): Promise<StreamService> => {
  const source = openLogSource(bus)
  const hub = new EventHub({ source, observe: (problem) => options.logger.warn({ problem }, 'event log') })
  await hub.start()
  return new StreamService({ ...options, hub, deltas: new DeltaFeed(bus), source })
}
