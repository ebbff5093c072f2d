import { onlyLaneOf, type StreamFilter } from './filter.ts'
import { StreamEvent } from './frame.ts'
import type { LogSource } from './log-source.ts'

/** Limits of a page; small, because a client that does not read keeps its page in memory. */
const PAGE_EVENTS = 500
const PAGE_BYTES = 256 * 1024

/** Maximum pages read from the log at once, over all clients: each needs a consumer on the broker. */
const CONCURRENT_PAGES = 8

export type PageRequest = {
  /** Read events after this sequence, up to and including `to`. */
  position: number
  to: number
  filter: StreamFilter
  admits: (event: StreamEvent) => boolean
  /** False once the page is no longer needed. */
  isWanted: () => boolean
}

export type Page = {
  events: StreamEvent[]
  /** Everything up to this sequence was read. */
  reached: number
  /** Sequences after the requested position that the log no longer holds. */
  gap: { from: number; to: number } | undefined
}

/** Reads old events for clients in pages, a bounded number at a time. */
export class ReplayReader {
  readonly #source: LogSource
  #free = CONCURRENT_PAGES
  readonly #waiting: (() => void)[] = []

  constructor(source: LogSource) {
    this.#source = source
  }

  /** @throws BridgeError when the broker is lost; the position stays valid */
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

  /** Passes the slot to the next waiting read. */
  #leave(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free += 1
  }
}
