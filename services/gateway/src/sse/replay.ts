import { onlyLaneOf, type StreamFilter } from './filter.ts'
import { StreamEvent } from './frame.ts'
import type { LogSource } from './log-source.ts'

/** A page is full at this; small, because a client that does not read keeps its page in memory. */
const PAGE_EVENTS = 500
const PAGE_BYTES = 256 * 1024

/** Pages read from the log at once, over all clients: each costs the broker a consumer. */
const CONCURRENT_PAGES = 8

export type PageRequest = {
  /** Events after this sequence are wanted, up to `to` at most. */
  position: number
  to: number
  filter: StreamFilter
  admits: (event: StreamEvent) => boolean
  /** False once nobody waits for the page any more. */
  isWanted: () => boolean
}

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

  /** @throws when the broker goes away; the position is still good */
  async page(request: PageRequest): Promise<Page> {
    await this.#enter()
    try {
      return request.isWanted() ? await this.#read(request) : { events: [], reached: request.position, gap: undefined }
    } finally {
      this.#leave()
    }
  }

  async #read({ position, to, filter, admits, isWanted }: PageRequest): Promise<Page> {
    const { firstSeq } = await this.#source.extent()
    const gap = position + 1 < firstSeq ? { from: position + 1, to: firstSeq - 1 } : undefined
    const from = Math.max(position + 1, firstSeq)
    const events: StreamEvent[] = []
    let bytes = 0
    let reached = from - 1
    for await (const portion of this.#source.read({ from, to, laneId: onlyLaneOf(filter) })) {
      for (const raw of portion) {
        reached = raw.seq
        const event = StreamEvent.of(raw)
        if (!(event && admits(event))) continue
        events.push(event)
        bytes += event.frame.length
      }
      if (events.length >= PAGE_EVENTS || bytes >= PAGE_BYTES || !isWanted()) return { events, reached, gap }
    }
    return { events, reached: Math.max(to, reached), gap }
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
