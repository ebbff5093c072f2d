import { onlyLaneOf, type StreamFilter } from './filter.ts'
import { StreamEvent } from './frame.ts'
import type { LogSource } from './log.source.ts'

/** What one page holds at most: small, because a client that does not read keeps its page in memory. */
const PAGE_EVENTS = 500
const PAGE_BYTES = 256 * 1024

/** Pages read from the log at once, over all clients: each costs the broker a consumer. */
const CONCURRENT_PAGES = 8

export type Page = {
  events: StreamEvent[]
  /** Nothing up to this sequence is left to read. */
  reached: number
  /** Sequences after the position asked for that the log no longer has. */
  gap: { from: number; to: number } | undefined
}

/** Reads old events for clients, page by page and a bounded number at a time. */
export class ReplayReader {
  readonly #source: LogSource
  #free = CONCURRENT_PAGES
  readonly #waiting: (() => void)[] = []

  constructor(source: LogSource) {
    this.#source = source
  }

  /**
   * The events after a position that pass a filter, up to `to` at most.
   * @throws when the broker goes away; the position is still good
   */
  async page(position: number, to: number, filter: StreamFilter, admits: (event: StreamEvent) => boolean): Promise<Page> {
    await this.#enter()
    try {
      return await this.#read(position, to, onlyLaneOf(filter), admits)
    } finally {
      this.#leave()
    }
  }

  async #read(position: number, to: number, laneId: string | undefined, admits: (event: StreamEvent) => boolean): Promise<Page> {
    const { firstSeq } = await this.#source.extent()
    const gap = position + 1 < firstSeq ? { from: position + 1, to: firstSeq - 1 } : undefined
    const from = Math.max(position + 1, firstSeq)
    const events: StreamEvent[] = []
    let bytes = 0
    for await (const raw of this.#source.read({ from, to, laneId })) {
      const event = StreamEvent.of(raw)
      if (!event || !admits(event)) continue
      events.push(event)
      bytes += event.frame.length
      if (events.length >= PAGE_EVENTS || bytes >= PAGE_BYTES) return { events, reached: event.seq, gap }
    }
    return { events, reached: Math.max(to, from - 1), gap }
  }

  async #enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1
      return
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** The place goes straight to the next in line. */
  #leave(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free += 1
  }
}
