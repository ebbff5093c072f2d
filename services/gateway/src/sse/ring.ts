import type { StreamEvent } from './frame.ts'

export type RingLimits = { events: number; bytes: number }

/** The most recent events, complete from a known sequence on. Most replays are served from it. */
export class EventRing {
  readonly #limits: RingLimits
  #events: StreamEvent[] = []
  #head = 0
  #bytes = 0
  #completeFrom: number

  /** @param completeFrom the first sequence that will be held */
  constructor(limits: RingLimits, completeFrom: number) {
    this.#limits = limits
    this.#completeFrom = completeFrom
  }

  /** The ring is complete from this sequence on. */
  get completeFrom(): number {
    return this.#completeFrom
  }

  get size(): number {
    return this.#events.length - this.#head
  }

  /** Adds the next event. Sequences must increase. */
  push(event: StreamEvent): void {
    this.#events.push(event)
    this.#bytes += event.frame.length
    while (this.size > this.#limits.events || (this.#bytes > this.#limits.bytes && this.size > 1)) this.#dropOldest()
  }

  #dropOldest(): void {
    const oldest = this.#events[this.#head]
    if (!oldest) return
    this.#bytes -= oldest.frame.length
    this.#completeFrom = oldest.seq + 1
    this.#head += 1
    // Shifting single elements would copy the whole array each time.
    if (this.#head > 1024 && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head)
      this.#head = 0
    }
  }

  /** Clears the ring; it will be complete from `completeFrom` on. */
  restart(completeFrom: number): void {
    this.#events = []
    this.#head = 0
    this.#bytes = 0
    this.#completeFrom = completeFrom
  }

  /** The held events after a sequence, oldest first; complete only from `completeFrom` on. */
  *after(seq: number): Generator<StreamEvent> {
    for (let index = this.#indexAfter(seq); index < this.#events.length; index += 1) {
      const event = this.#events[index]
      if (event) yield event
    }
  }

  #indexAfter(seq: number): number {
    let low = this.#head
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#events[middle]?.seq ?? 0) <= seq) low = middle + 1
      else high = middle
    }
    return low
  }
}
