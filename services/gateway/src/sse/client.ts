import { setTimeout as sleep } from 'node:timers/promises'
import { compileFilter, type StreamFilter } from './filter.ts'
import { heartbeatFrame, noticeFrame, openingFrame, type StreamEvent } from './frame.ts'
import type { Page, PageRequest } from './replay.ts'

/** The connection of a client. */
export type Sink = {
  /** False if the connection's buffer is full; `onDrain` signals when to continue. */
  write(bytes: Uint8Array): boolean
  onDrain(listener: () => void): void
  onClose(listener: () => void): void
  /** Ends the stream once everything written was sent. */
  end(): void
  /** Breaks the connection. */
  destroy(): void
}

/** The source of a client's events. */
export type Feed = {
  /** Every event up to this sequence has been published. */
  readonly last: number
  /** `recent` is complete from this sequence on. */
  readonly recentFrom: number
  recent(after: number): Iterable<StreamEvent>
  page(request: PageRequest): Promise<Page>
}

export type ClientOptions = {
  filter: StreamFilter
  position: number
  retryMs: number
  /** Called once when the client is gone; `cut` is the reason if it was disconnected. */
  onGone: (cut?: 'not_draining') => void
  observe?: (problem: string) => void
  drainTimeoutMs?: number
  readRetryMs?: number
}

/** A client that reads nothing for this long is disconnected, in milliseconds. It can resume by id. */
const DRAIN_TIMEOUT_MS = 30_000

/** Maximum bytes per write; bounds the memory that a client that stopped reading can hold. */
const BATCH_BYTES = 16 * 1024

/** Delay before a failed read of old events is retried, in milliseconds. */
const READ_RETRY_MS = 250

/**
 * One open event stream. It has a position instead of a buffer: events that arrive while the connection is full are read later from
 * the shared ring or the log. A slow client therefore costs no memory and loses nothing; one that stops reading is disconnected.
 */
export class StreamClient {
  readonly filter: StreamFilter
  readonly #admits: (event: StreamEvent) => boolean
  readonly #sink: Sink
  readonly #feed: Feed
  readonly #options: ClientOptions
  /** Every event up to here was written or filtered out. */
  #position: number
  /** The last id that was sent. */
  #sentId: number
  /** Caught up: events are written as they arrive. Otherwise `#pump` is running. */
  #live = false
  #pumping = false
  #full = false
  #closed = false
  #ending = false
  #generation = 0
  #onRoom: (() => void) | undefined

  constructor(sink: Sink, feed: Feed, options: ClientOptions) {
    this.#sink = sink
    this.#feed = feed
    this.#options = options
    this.filter = options.filter
    this.#admits = compileFilter(options.filter)
    this.#position = options.position
    this.#sentId = options.position
    sink.onDrain(() => {
      this.#full = false
      this.#onRoom?.()
    })
    sink.onClose(() => this.#gone())
    this.#write(openingFrame(options.retryMs, options.position))
  }

  get position(): number {
    return this.#position
  }

  get live(): boolean {
    return this.#live
  }

  /** Starts delivery. `offer` must be called for every event from now on. */
  start(): void {
    void this.#pump()
  }

  /** Delivers the next event of the log. */
  offer(event: StreamEvent): void {
    if (!this.#live || event.seq <= this.#position) return
    this.#position = event.seq
    if (!this.#admits(event)) return
    this.#sentId = event.seq
    if (!this.#write(event.frame)) void this.#pump()
  }

  /** Writes something that is not part of the log; dropped if the connection is full. */
  offerExtra(bytes: Uint8Array): void {
    if (!this.#full) this.#write(bytes)
  }

  /** Moves to another position and sends the notice about it. */
  moveTo(position: number, notice: Parameters<typeof noticeFrame>[0]): void {
    this.#generation += 1
    this.#position = position
    this.#sentId = position
    this.#write(noticeFrame(notice, position))
    void this.#pump()
  }

  heartbeat(): void {
    if (this.#full) return
    const moved = this.#live && this.#position > this.#sentId
    this.#write(heartbeatFrame(moved ? this.#position : undefined))
    if (moved) this.#sentId = this.#position
  }

  /** Ends the stream cleanly; the client reconnects and resumes. */
  end(): void {
    if (this.#closed) return
    this.#ending = true
    this.#sink.end()
    this.#gone()
  }

  #gone(cut?: 'not_draining'): void {
    if (this.#closed) return
    this.#closed = true
    this.#live = false
    this.#onRoom?.()
    this.#options.onGone(cut)
  }

  #write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#ending) return false
    if (!this.#sink.write(bytes)) this.#full = true
    return !this.#full
  }

  /** Writes everything after the client's position until it has caught up. */
  async #pump(): Promise<void> {
    this.#live = false
    if (this.#pumping) return
    this.#pumping = true
    try {
      while (!this.#closed) {
        if (this.#full && !(await this.#room())) return
        // No await between this check and `live`, so no event can arrive in between.
        if (this.#position >= this.#feed.last) {
          this.#live = true
          return
        }
        if (this.#position + 1 >= this.#feed.recentFrom) this.#writeRecent()
        else await this.#writePage()
      }
    } finally {
      this.#pumping = false
    }
  }

  /** Writes as many recent events as fit into one batch. */
  #writeRecent(): void {
    const { last } = this.#feed
    const frames: Uint8Array[] = []
    let bytes = 0
    for (const event of this.#feed.recent(this.#position)) {
      if (bytes > 0 && bytes + event.frame.length > BATCH_BYTES) {
        this.#write(Buffer.concat(frames))
        return
      }
      this.#position = event.seq
      if (!this.#admits(event)) continue
      this.#sentId = event.seq
      frames.push(event.frame)
      bytes += event.frame.length
    }
    this.#position = Math.max(this.#position, last)
    if (frames.length > 0) this.#write(Buffer.concat(frames))
  }

  async #writePage(): Promise<void> {
    const generation = this.#generation
    const isWanted = () => !this.#closed && generation === this.#generation
    let page: Page
    try {
      const to = Math.min(this.#feed.recentFrom - 1, this.#feed.last)
      page = await this.#feed.page({ position: this.#position, to, filter: this.filter, admits: this.#admits, isWanted })
    } catch (error) {
      if (isWanted()) this.#options.observe?.(`retrying the replay after ${this.#position}: ${String(error)}`)
      await sleep(this.#options.readRetryMs ?? READ_RETRY_MS)
      return
    }
    if (!isWanted()) return
    if (page.gap) {
      this.#position = page.gap.to
      this.#sentId = page.gap.to
      this.#write(noticeFrame({ event: 'gap', reason: 'expired', ...page.gap }, page.gap.to))
    }
    for (const event of page.events) {
      if (this.#full && !(await this.#room())) return
      if (!isWanted()) return
      this.#position = event.seq
      this.#sentId = event.seq
      this.#write(event.frame)
    }
    this.#position = page.reached
  }

  /** Resolves with true once the connection accepts more, with false if it is closed. */
  #room(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#gone('not_draining')
        this.#sink.destroy()
      }, this.#options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS)
      this.#onRoom = () => {
        clearTimeout(timer)
        this.#onRoom = undefined
        resolve(!this.#closed)
      }
    })
  }
}
