import { setTimeout as sleep } from 'node:timers/promises'
import { compileFilter, type StreamFilter } from './filter.ts'
import { heartbeatFrame, noticeFrame, openingFrame, type StreamEvent } from './frame.ts'
import type { Page, PageRequest } from './replay.ts'

/** The connection of a client. */
export type Sink = {
  /** False when the connection has enough for now: `onDrain` tells when it takes more. */
  write(bytes: Uint8Array): boolean
  onDrain(listener: () => void): void
  onClose(listener: () => void): void
  /** Ends the stream after what was written. */
  end(): void
  /** Breaks the connection. */
  destroy(): void
}

/** Where a client gets its events from. */
export type Feed = {
  /** Nothing up to this sequence is still to come. */
  readonly last: number
  /** From this sequence on `recent` is complete. */
  readonly recentFrom: number
  recent(after: number): Iterable<StreamEvent>
  page(request: PageRequest): Promise<Page>
}

export type ClientOptions = {
  filter: StreamFilter
  position: number
  retryMs: number
  /** Told once, when the client is gone; `cut` names why it was sent away. */
  onGone: (cut?: 'not_draining') => void
  observe?: (problem: string) => void
  drainTimeoutMs?: number
  readRetryMs?: number
}

/** A client that takes nothing for so long is cut, in milliseconds. It resumes by id. */
export const DRAIN_TIMEOUT_MS = 30_000

/** What is handed to the connection at once, in bytes: bounds what a client that stopped reading costs. */
const BATCH_BYTES = 16 * 1024

/** Pause before old events are asked for again, in milliseconds. */
const READ_RETRY_MS = 250

/**
 * One open event stream. It keeps no buffer but a position: events that come while the connection is full are read from
 * the shared ring, or from the log, when it takes more. So a slow client costs no memory and loses nothing, and one that
 * takes nothing at all is cut.
 */
export class StreamClient {
  readonly filter: StreamFilter
  readonly #admits: (event: StreamEvent) => boolean
  readonly #sink: Sink
  readonly #feed: Feed
  readonly #options: ClientOptions
  /** Every event up to here was written or is none of this client's. */
  #position: number
  /** The newest id the client has been told. */
  #told: number
  /** Caught up: events are written as they come. Otherwise a pump is at work. */
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
    this.#told = options.position
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

  /** Starts delivery. The client must be among those that `offer` is called for. */
  start(): void {
    void this.#pump()
  }

  /** Hands over the next event of the log. */
  offer(event: StreamEvent): void {
    if (!this.#live || event.seq <= this.#position) return
    this.#position = event.seq
    if (!this.#admits(event)) return
    this.#told = event.seq
    if (!this.#write(event.frame)) void this.#pump()
  }

  /** Writes something that is not part of the log, or leaves it when the connection is full. */
  offerExtra(bytes: Uint8Array): void {
    if (!this.#full) this.#write(bytes)
  }

  /** Says that the stream goes on from another place, and goes there. */
  moveTo(position: number, notice: Parameters<typeof noticeFrame>[0]): void {
    this.#generation += 1
    this.#position = position
    this.#told = position
    this.#write(noticeFrame(notice, position))
    void this.#pump()
  }

  heartbeat(): void {
    if (this.#full) return
    const moved = this.#live && this.#position > this.#told
    this.#write(heartbeatFrame(moved ? this.#position : undefined))
    if (moved) this.#told = this.#position
  }

  /** Ends the stream in good order; the client comes back and resumes. */
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

  /** Writes what the client has not had yet until it has caught up. */
  async #pump(): Promise<void> {
    this.#live = false
    if (this.#pumping) return
    this.#pumping = true
    try {
      while (!this.#closed) {
        if (this.#full && !(await this.#room())) return
        // No await between this check and `live`: no event can come in between.
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

  /** As many recent events as fit into a batch, in one write. */
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
      this.#told = event.seq
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
      if (isWanted()) this.#options.observe?.(`replay after ${this.#position} is tried again: ${String(error)}`)
      await sleep(this.#options.readRetryMs ?? READ_RETRY_MS)
      return
    }
    if (!isWanted()) return
    if (page.gap) {
      this.#position = page.gap.to
      this.#told = page.gap.to
      this.#write(noticeFrame({ event: 'gap', reason: 'expired', ...page.gap }, page.gap.to))
    }
    for (const event of page.events) {
      if (this.#full && !(await this.#room())) return
      if (!isWanted()) return
      this.#position = event.seq
      this.#told = event.seq
      this.#write(event.frame)
    }
    this.#position = page.reached
  }

  /** Resolves when the connection takes more: true. Or when it is gone: false. */
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
