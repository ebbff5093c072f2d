type Entry = { seq: number; lane: string; due: number; held: boolean; flying: boolean }
type Queue = { order: number[]; flying: boolean }

/**
 * Decides which job goes next. Inside a lane jobs go one at a time in the order of their sequence, a waiting retry included;
 * lanes do not wait for each other. Knows no clock and does no I/O.
 *
 * A job that was given back to the broker for a while (`release`) keeps its place: the later jobs of its lane wait for its
 * return.
 */
export class LaneOrderedQueue {
  readonly #entries = new Map<number, Entry>()
  readonly #lanes = new Map<string, Queue>()
  #flying = 0

  /** Jobs known, in hand or given back. */
  get size(): number {
    return this.#entries.size
  }

  /** Attempts under way. */
  get flying(): number {
    return this.#flying
  }

  isFlying(seq: number): boolean {
    return this.#entries.get(seq)?.flying ?? false
  }

  /** Puts a job in hand, for the first time or again. Its place and its due time stay as they were when it is known. */
  hold(seq: number, lane: string, due: number): void {
    const known = this.#entries.get(seq)
    if (known) {
      known.held = true
      return
    }
    this.#entries.set(seq, { seq, lane, due, held: true, flying: false })
    const queue = this.#lanes.get(lane)
    if (queue) insert(queue.order, seq)
    else this.#lanes.set(lane, { order: [seq], flying: false })
  }

  /** The job is given back for a while. */
  release(seq: number): void {
    const entry = this.#entries.get(seq)
    if (entry) entry.held = false
  }

  /** Takes the lowest sequence that may go now and marks it as under way. */
  take(now: number): number | undefined {
    let best: Entry | undefined
    for (const queue of this.#lanes.values()) {
      const head = this.#head(queue)
      if (head?.held && head.due <= now && (!best || head.seq < best.seq)) best = head
    }
    if (!best) return
    this.#fly(best, true)
    return best.seq
  }

  /** The attempt ended without success: the job keeps its place and waits. */
  postpone(seq: number, due: number): void {
    const entry = this.#entries.get(seq)
    if (!entry) return
    entry.due = due
    this.#fly(entry, false)
  }

  /** The job is done, however it ended. */
  finish(seq: number): void {
    const entry = this.#entries.get(seq)
    if (!entry) return
    this.#fly(entry, false)
    this.#entries.delete(seq)
    const queue = this.#lanes.get(entry.lane)
    if (!queue) return
    queue.order.splice(queue.order.indexOf(seq), 1)
    if (queue.order.length === 0) this.#lanes.delete(entry.lane)
  }

  /** When the next job in hand that has to wait may go; undefined when none waits for a time. */
  nextDue(): number | undefined {
    let soonest: number | undefined
    for (const queue of this.#lanes.values()) {
      const head = this.#head(queue)
      if (head?.held && (soonest === undefined || head.due < soonest)) soonest = head.due
    }
    return soonest
  }

  /** The job whose turn it is in a lane; none while one of the lane is under way. */
  #head(queue: Queue): Entry | undefined {
    return queue.flying ? undefined : this.#entries.get(queue.order[0] ?? -1)
  }

  #fly(entry: Entry, flying: boolean): void {
    if (entry.flying === flying) return
    entry.flying = flying
    this.#flying += flying ? 1 : -1
    const queue = this.#lanes.get(entry.lane)
    if (queue) queue.flying = flying
  }
}

/** Inserts into an ascending list; jobs come nearly in order, so the place is looked for from the end. */
const insert = (order: number[], seq: number): void => {
  let at = order.length
  while (at > 0 && (order[at - 1] ?? 0) > seq) at -= 1
  order.splice(at, 0, seq)
}
