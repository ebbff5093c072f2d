import type { StreamEvent } from './frame.ts'

export type RingLimits = { events: number; bytes: number }

/** The newest events in memory, complete from a known sequence on: what most replays are served from. */
export class EventRing {
  readonly #limits: RingLimits
  #events: StreamEvent[] = []
  #head = 0
  #bytes = 0
  #completeFrom: number

  /** @param completeFrom the first sequence that will be kept */
  constructor(limits: RingLimits, completeFrom: number) {
    this.#limits = limits
    this.#completeFrom = completeFrom
  }

  /** From this sequence on nothing is missing up to the newest. */
  get completeFrom(): number {
    return this.#completeFrom
  }

  get size(): number {
    return this.#events.length - this.#head
  }

  /** Adds the next event; sequences only grow. */
  push(event: StreamEvent): void {
    this.#events.push(event)
    this.#bytes += event.frame.length
    while (this.size > this.#limits.events || (this.#bytes > this.#limits.bytes && this.size > 1)) this.#forgetOldest()
  }

  #forgetOldest(): void {
    const oldest = this.#events[this.#head]
    if (!oldest) return
    this.#bytes -= oldest.frame.length
    this.#completeFrom = oldest.seq + 1
    this.#head += 1
    // Shifting one by one would cost the whole array each time.
    if (this.#head > 1024 && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head)
      this.#head = 0
    }
  }

  /** Forgets everything; complete again from `completeFrom` on. */
  restart(completeFrom: number): void {
    this.#events = []
    this.#head = 0
    this.#bytes = 0
    this.#completeFrom = completeFrom
  }

  /** The kept events after a sequence, oldest first. Complete only from `completeFrom` on. */
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
