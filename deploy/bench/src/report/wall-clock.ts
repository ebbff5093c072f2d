/** Long enough to see the wall clock tick a few times. */
const READ_FOR_MS = 4

/**
 * Turns readings of the monotonic clock into wall-clock milliseconds with a fraction. `Date.now()` cuts the fraction off, so of many
 * readings of both clocks the one where the wall clock had just ticked is the exact one: it shows the largest distance.
 */
export class WallClock {
  #offsetMs = 0

  constructor() {
    this.adjust()
  }

  /** To be called now and then: the wall clock may be set or slewed meanwhile. */
  adjust(): void {
    const until = performance.now() + READ_FOR_MS
    let offset = Number.NEGATIVE_INFINITY
    for (let now = performance.now(); now < until; now = performance.now()) offset = Math.max(offset, Date.now() - now)
    this.#offsetMs = offset
  }

  /** @param monotonicMs a `performance.now()` of this process */
  at(monotonicMs: number): number {
    return monotonicMs + this.#offsetMs
  }
}
