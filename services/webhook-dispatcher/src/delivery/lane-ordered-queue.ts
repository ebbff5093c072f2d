type Entry = { seq: number; lane: string; due: number; suspended: boolean; inFlight: boolean }
type Lane = { order: number[]; inFlight: boolean }

/**
 * Decides which job goes next. Inside a lane jobs go one at a time in the order of their sequence, and a job that waits for
 * its retry holds up the later ones. Lanes do not wait for each other. No clock, no I/O.
 */
export class LaneOrderedQueue {
  readonly #entries = new Map<number, Entry>()
  readonly #lanes = new Map<string, Lane>()
  #inFlight = 0

  /** All jobs: waiting, suspended and in flight. */
  get size(): number {
    return this.#entries.size
  }

  /** Attempts under way. */
  get inFlight(): number {
    return this.#inFlight
  }

  isInFlight(seq: number): boolean {
    return this.#entries.get(seq)?.inFlight ?? false
  }

  /** Clock value before which a job may not go. */
  dueOf(seq: number): number {
    return this.#entries.get(seq)?.due ?? 0
  }

  /** Adds a job. One that is known keeps its place and due time, and is no longer suspended. */
  add(seq: number, lane: string, due: number): void {
    const known = this.#entries.get(seq)
    if (known) {
      known.suspended = false
      return
    }
    this.#entries.set(seq, { seq, lane, due, suspended: false, inFlight: false })
    const jobs = this.#lanes.get(lane)
    if (jobs) insert(jobs.order, seq)
    else this.#lanes.set(lane, { order: [seq], inFlight: false })
  }

  /** The job is not available until it is added again. It keeps its place: the later jobs of its lane wait for it. */
  suspend(seq: number): void {
    const entry = this.#entries.get(seq)
    if (entry) entry.suspended = true
  }

  /** Takes the job with the lowest sequence that may go now and marks it as in flight. */
  take(now: number): number | undefined {
    let best: Entry | undefined
    for (const lane of this.#lanes.values()) {
      const head = this.#head(lane)
      if (head && !head.suspended && head.due <= now && (!best || head.seq < best.seq)) best = head
    }
    if (!best) return
    this.#setInFlight(best, true)
    return best.seq
  }

  /** The attempt ended without success: the job keeps its place and waits until it is due. */
  postpone(seq: number, due: number): void {
    const entry = this.#entries.get(seq)
    if (!entry) return
    entry.due = due
    this.#setInFlight(entry, false)
  }

  /** The job is finished, with or without success. */
  remove(seq: number): void {
    const entry = this.#entries.get(seq)
    if (!entry) return
    this.#setInFlight(entry, false)
    this.#entries.delete(seq)
    const lane = this.#lanes.get(entry.lane)
    if (!lane) return
    lane.order.splice(lane.order.indexOf(seq), 1)
    if (lane.order.length === 0) this.#lanes.delete(entry.lane)
  }

  /** When the next job may go, which may be in the past; undefined if every lane is empty, in flight or suspended. */
  nextDue(): number | undefined {
    let soonest: number | undefined
    for (const lane of this.#lanes.values()) {
      const head = this.#head(lane)
      if (head && !head.suspended && (soonest === undefined || head.due < soonest)) soonest = head.due
    }
    return soonest
  }

  /** The next job of a lane; undefined while one of its jobs is in flight. */
  #head(lane: Lane): Entry | undefined {
    return lane.inFlight ? undefined : this.#entries.get(lane.order[0] ?? -1)
  }

  #setInFlight(entry: Entry, inFlight: boolean): void {
    if (entry.inFlight === inFlight) return
    entry.inFlight = inFlight
    this.#inFlight += inFlight ? 1 : -1
    const lane = this.#lanes.get(entry.lane)
    if (lane) lane.inFlight = inFlight
  }
}

/** Inserts into an ascending list, searching from the end because jobs arrive nearly in order. */
const insert = (order: number[], seq: number): void => {
  let at = order.length
  while (at > 0 && (order[at - 1] ?? 0) > seq) at -= 1
  order.splice(at, 0, seq)
}
