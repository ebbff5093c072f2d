import type { DispatcherContext } from '../context.ts'
import { disableSubscription } from '../subscriptions/subscription-decider.ts'
import type { SubscriptionRecord, SubscriptionStatus } from '../subscriptions/subscription-record.ts'
import { afterDelivery, afterFailedAttempt, hasFailedTooLong } from '../subscriptions/subscription-status.ts'
import { statusKey } from '../subscriptions/subscription-store.ts'
import { ThrottledKvWriter } from '../subscriptions/throttled-kv-writer.ts'
import type { Failure } from './outcome.ts'

/** Keeps the status of one subscription current while it is delivered to, and disables it when its endpoint is given up. */
export class StatusTracker {
  readonly #context: DispatcherContext
  readonly #subscriptionId: string
  readonly #writer: ThrottledKvWriter
  readonly #endOverlay: () => void
  #status: SubscriptionStatus

  constructor(context: DispatcherContext, { id, endpointSince }: SubscriptionRecord) {
    this.#context = context
    this.#subscriptionId = id
    const status = context.store.status(id)
    // Failures of an earlier endpoint do not count against this one.
    const outdated = status.failingSince !== null && status.failingSince < endpointSince
    this.#status = outdated ? { ...status, failingSince: null } : status
    this.#writer = new ThrottledKvWriter(context.store.bucket, statusKey(id), () => this.#status, context.logger)
    this.#endOverlay = context.store.overlay(id, () => this.#status)
  }

  delivered(at: Date): void {
    this.#update(afterDelivery(this.#status, at.toISOString()))
  }

  failed(at: Date, failure: Failure): void {
    const now = at.toISOString()
    this.#update(afterFailedAttempt(this.#status, now, failure.reason))
    if (failure.gone) this.disable('Disabled: the endpoint answered 410 Gone', now)
    else if (hasFailedTooLong(this.#status, now)) this.disable(`Disabled: nothing but failures since ${this.#status.failingSince}`, now)
  }

  disable(reason: string, now: string): void {
    const { store, logger } = this.#context
    const subscriptionId = this.#subscriptionId
    store
      .change(subscriptionId, (record) => disableSubscription(record, reason, now))
      .then(
        () => logger.warn({ subscriptionId, notice: 'webhook.disabled', reason }, 'subscription disabled'),
        (err: unknown) => logger.error({ err, subscriptionId }, 'subscription not disabled; the next failure tries again'),
      )
  }

  /** Writes the last status and stops overriding the stored one. */
  async close(): Promise<void> {
    await this.#writer.flush()
    this.#endOverlay()
  }

  #update(status: SubscriptionStatus): void {
    this.#status = status
    this.#writer.changed()
  }
}
