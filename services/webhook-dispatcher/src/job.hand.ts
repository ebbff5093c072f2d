import { setTimeout as sleep } from 'node:timers/promises'
import type { Job } from '@codex-bridge/bus'

/** Pause before an acknowledgement is sent again. */
const ACK_PAUSE_MS = 500

/** A job and the consumer it came from. */
type Held = { job: Job; round: AbortSignal }

/**
 * The jobs one worker holds, and the ones it is done with but has no confirmation for. An acknowledgement counts only for
 * the consumer that handed the job out: about an earlier one's job the server confirms without acting, and the present
 * consumer hands the job out once more.
 */
export class JobHand {
  readonly #held = new Map<number, Held>()
  readonly #unconfirmed = new Set<number>()
  readonly #confirming = new Set<Promise<void>>()
  #round = new AbortController()
  #closed = false

  /** The consumer is made anew: everything not acknowledged will come again. */
  newRound(): void {
    this.#round.abort()
    this.#round = new AbortController()
  }

  /** Takes a job. @returns false when it is done already: then it is only acknowledged again */
  take(job: Job): boolean {
    const held = { job, round: this.#round.signal }
    if (this.#unconfirmed.has(job.seq)) {
      this.#confirm(held)
      return false
    }
    this.#held.set(job.seq, held)
    return true
  }

  get(seq: number): Job | undefined {
    return this.#held.get(seq)?.job
  }

  /** Gives a job back to the broker for a while. */
  giveBack(seq: number, ms: number): void {
    this.#held.get(seq)?.job.retryIn(ms)
    this.#held.delete(seq)
  }

  /** The job is done: tells the broker until it confirms. */
  settle(seq: number): void {
    const held = this.#held.get(seq)
    if (!held) return
    this.#held.delete(seq)
    this.#unconfirmed.add(seq)
    this.#confirm(held)
  }

  /** Gives back what is held and waits for the confirmations under way; those that fail now are left to the next consumer. */
  async close(): Promise<void> {
    this.#closed = true
    for (const seq of [...this.#held.keys()]) this.giveBack(seq, 1)
    await Promise.all(this.#confirming)
  }

  #confirm({ job, round }: Held): void {
    const run = async () => {
      while (!round.aborted) {
        try {
          await job.ack()
          if (!round.aborted) this.#unconfirmed.delete(job.seq)
          return
        } catch {
          if (this.#closed) return
          await sleep(ACK_PAUSE_MS)
        }
      }
    }
    const confirming = run().finally(() => this.#confirming.delete(confirming))
    this.#confirming.add(confirming)
  }
}
