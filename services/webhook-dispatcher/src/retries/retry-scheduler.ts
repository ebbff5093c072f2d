import type { Logger } from '@codex-bridge/service-kit'
import type { DispatcherContext } from '../context.ts'
import type { Failure } from '../delivery/outcome.ts'
import type { SubscriptionRecord } from '../subscriptions/subscription-record.ts'
import { retriesKey, type SubscriptionBucket } from '../subscriptions/subscription-store.ts'
import { ThrottledKvWriter } from '../subscriptions/throttled-kv-writer.ts'
import type { RetrySchedule } from './backoff.ts'
import { decideRetry, type RetryDecision, type RetryState, restoredStates, type StoredRetries } from './retry-decider.ts'

/** Schedules the retries of one subscription's jobs, and remembers attempts and due times over restarts. */
export class RetryScheduler {
  readonly #bucket: SubscriptionBucket
  readonly #subscription: SubscriptionRecord
  readonly #schedule: RetrySchedule
  readonly #logger: Logger
  readonly #writer: ThrottledKvWriter
  #states = new Map<number, RetryState>()

  constructor({ store, config, logger }: DispatcherContext, subscription: SubscriptionRecord) {
    this.#bucket = store.bucket
    this.#subscription = subscription
    this.#schedule = config.schedule
    this.#logger = logger
    this.#writer = new ThrottledKvWriter(store.bucket, retriesKey(subscription.id), () => this.#toStored(), logger)
  }

  /** Reads what an earlier process stored. Call before anything else. @returns whether that worked */
  async load(): Promise<boolean> {
    const { id, endpointSince } = this.#subscription
    try {
      const stored = (await this.#bucket.get(retriesKey(id)))?.value
      this.#states = restoredStates(stored && 'notes' in stored ? stored : undefined, endpointSince, Date.now())
      return true
    } catch (err) {
      this.#logger.warn({ err, subscriptionId: id }, 'attempts of earlier deliveries not read, retrying')
      return false
    }
  }

  /** Epoch milliseconds before which a job is not attempted; 0 for one that never failed. */
  dueOf(seq: number, eventId: string): number {
    // Sequences start over when the queue is replaced: a state of another event does not count.
    if (this.#states.get(seq)?.eventId !== eventId) this.#states.delete(seq)
    return this.#states.get(seq)?.due ?? 0
  }

  /** Counts a failed attempt and decides when the job is due again, or that it has no attempts left. */
  schedule(seq: number, eventId: string, failure: Failure, at: Date): RetryDecision {
    const decision = decideRetry(this.#states.get(seq), { ...failure, eventId, at }, this.#schedule, Math.random())
    this.#states.set(seq, decision.state)
    this.#writer.changed()
    return decision
  }

  /** The job is finished. */
  forget(seq: number): void {
    if (this.#states.delete(seq)) this.#writer.changed()
  }

  flush(): Promise<void> {
    return this.#writer.flush()
  }

  #toStored(): StoredRetries {
    return { endpointSince: this.#subscription.endpointSince, notes: Object.fromEntries(this.#states) }
  }
}
