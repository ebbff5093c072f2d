import { setTimeout as sleep } from 'node:timers/promises'
import type { Bus, Job, WorkQueue } from '@codex-bridge/bus'
import { STREAMS, subjects } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import { UnackedJobs } from './unacked-jobs.ts'

/** Maximum number of jobs of one subscription that are unacknowledged. Bounds memory, and how far other lanes get ahead of a stuck one. */
const MAX_PENDING = 1000

/**
 * Only a safety net: after a crash or a lost connection the consumer is recreated, and every job comes again at once and in
 * order. It bounds what two overlapping leaders can do to each other.
 */
const ACK_WAIT_MS = 2 * 60_000

/** Time for the lease to be checked after a reconnect: a process that was replaced meanwhile must not take the jobs back. */
const RECONNECT_PAUSE_MS = 200

/** Hands out the jobs of one subscription, oldest first, and again from the oldest after every lost connection. */
export class JobConsumer {
  readonly unacked = new UnackedJobs()
  readonly #bus: Bus
  readonly #jobs: WorkQueue
  readonly #subscriptionId: string
  readonly #logger: Logger

  constructor(bus: Bus, jobs: WorkQueue, subscriptionId: string, logger: Logger) {
    this.#bus = bus
    this.#jobs = jobs
    this.#subscriptionId = subscriptionId
    this.#logger = logger
  }

  /** Consumes until the signal fires. */
  async run(signal: AbortSignal, handle: (job: Job) => void): Promise<void> {
    const subscriptionId = this.#subscriptionId
    let connection = new AbortController()
    const offReconnect = this.#bus.onReconnect(() => connection.abort())
    for (let first = true; !signal.aborted; first = false) {
      if (!first) await sleep(RECONNECT_PAUSE_MS)
      connection = new AbortController()
      this.unacked.startConsumer()
      try {
        await this.#deleteOldConsumer()
        if (signal.aborted) break
        await this.#jobs.consume(
          {
            durable: subscriptionId,
            filter: subjects.job(subscriptionId),
            maxPending: MAX_PENDING,
            ackWaitMs: ACK_WAIT_MS,
            signal: AbortSignal.any([signal, connection.signal]),
            observe: (problem) => this.#logger.warn({ subscriptionId, problem }, 'job consumer'),
          },
          (job) => {
            this.unacked.add(job)
            handle(job)
          },
        )
      } catch (err) {
        this.#logger.warn({ err, subscriptionId }, 'job consumer not created, retrying')
      }
    }
    offReconnect()
  }

  /**
   * A new consumer gets every unacknowledged job, oldest first. An old one would first hand out new jobs, and only after the
   * ack deadline those held by a dead process or lost with a connection: out of order.
   */
  async #deleteOldConsumer(): Promise<void> {
    await this.#bus.jsm.consumers.delete(STREAMS.jobs, this.#subscriptionId).catch((error: unknown) => {
      if (!/consumer not found/.test(String(error))) throw error
    })
  }
}
