import { setTimeout as sleep } from 'node:timers/promises'
import type { Job } from '@codex-bridge/bus'

/** Pause before an acknowledgement is sent again. */
const ACK_PAUSE_MS = 500

/** A job and the consumer it came from. */
type Held = { job: Job; round: AbortSignal }

/**
 * The jobs one worker holds. An acknowledgement counts only for the consumer that handed the job out: about an earlier one's
 * job the server confirms without acting, and the present consumer hands the job out once more.
 */
export class HeldJobs {
  readonly #held = new Map<number, Held>()
  readonly #confirming = new Set<Promise<void>>()
  #round = new AbortController()
  #closed = false

  /** The consumer is made anew: everything not acknowledged will come again. */
  newRound(): void {
    this.#round.abort()
    this.#round = new AbortController()
  }

  take(job: Job): void {
    this.#held.set(job.seq, { job, round: this.#round.signal })
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
