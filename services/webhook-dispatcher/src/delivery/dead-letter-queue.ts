import type { WorkQueue } from '@codex-bridge/bus'
import { subjects } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import type { DeliveryJob } from '../planning/delivery-job.ts'
import type { RetryState } from '../retries/retry-decider.ts'
import { eventKeyOf } from '../subscriptions/subscription-record.ts'

/** Stores the jobs that used up their attempts, with a summary of the attempts. */
export class DeadLetterQueue {
  readonly #queue: WorkQueue
  readonly #logger: Logger

  constructor(queue: WorkQueue, logger: Logger) {
    this.#queue = queue
    this.#logger = logger
  }

  /** @returns whether the broker confirmed it */
  async store(job: DeliveryJob, { due: _, ...attempts }: RetryState): Promise<boolean> {
    const { subscriptionId } = job
    const eventId = job.event.id
    try {
      await this.#queue.publish(subjects.dead(subscriptionId), { ...job, attempts }, eventKeyOf(subscriptionId, eventId))
    } catch (err) {
      this.#logger.error({ err, subscriptionId, eventId }, 'dead letter not stored, retrying')
      return false
    }
    this.#logger.warn({ subscriptionId, eventId, attempts: attempts.attempts, reason: attempts.reason }, 'delivery given up')
    return true
  }
}
