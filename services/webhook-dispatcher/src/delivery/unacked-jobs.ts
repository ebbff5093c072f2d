import { setTimeout as sleep } from 'node:timers/promises'
import type { Job } from '@codex-bridge/bus'

/** Pause before an acknowledgement is sent again, in milliseconds. */
const ACK_PAUSE_MS = 500

/** A job and the lifetime of the consumer that handed it out. */
type Unacked = { job: Job; consumer: AbortSignal }

/**
 * The jobs a worker has received and not yet acknowledged. An acknowledgement counts only for the consumer that handed the
 * job out: for a job of an earlier consumer the server confirms it without effect, and the present consumer hands the job out
 * again.
 */
export class UnackedJobs {
  readonly #jobs = new Map<number, Unacked>()
  readonly #acking = new Set<Promise<void>>()
  #consumer = new AbortController()
  #closed = false

  /** The consumer is recreated: every unacknowledged job will come again. */
  startConsumer(): void {
    this.#consumer.abort()
    this.#consumer = new AbortController()
  }

  add(job: Job): void {
    this.#jobs.set(job.seq, { job, consumer: this.#consumer.signal })
  }

  get(seq: number): Job | undefined {
    return this.#jobs.get(seq)?.job
  }

  /** Returns a job to the broker, which hands it out again after `ms` milliseconds. */
  nak(seq: number, ms: number): void {
    this.#jobs.get(seq)?.job.retryIn(ms)
    this.#jobs.delete(seq)
  }

  /** The job is done: acknowledges it until the broker confirms. */
  ack(seq: number): void {
    const unacked = this.#jobs.get(seq)
    if (!unacked) return
    this.#jobs.delete(seq)
    const acking = this.#ackUntilConfirmed(unacked).finally(() => this.#acking.delete(acking))
    this.#acking.add(acking)
  }

  /** Returns all jobs and waits for the acknowledgements under way. Those that fail now are left to the next consumer. */
  async close(): Promise<void> {
    this.#closed = true
    for (const seq of [...this.#jobs.keys()]) this.nak(seq, 1)
    await Promise.all(this.#acking)
  }

  async #ackUntilConfirmed({ job, consumer }: Unacked): Promise<void> {
    while (!consumer.aborted) {
      try {
        await job.ack()
        return
      } catch {
        // Nothing is lost: an unacknowledged job comes again, and the worker remembers that it is done.
        if (this.#closed) return
        await sleep(ACK_PAUSE_MS)
      }
    }
  }
}
