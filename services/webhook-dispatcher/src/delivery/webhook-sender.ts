import { BRIDGE_VERSION } from '@codex-bridge/service-kit'
import type { DispatcherContext } from '../context.ts'
import { post } from '../http/delivery-request.ts'
import { deliveryHeaders } from '../http/webhook-signer.ts'
import { type DeliveryJob, envelopeOf } from '../planning/delivery-job.ts'
import { eventKeyOf } from '../subscriptions/subscription-record.ts'
import type { AttemptResult } from './outcome.ts'

/** Makes one attempt at a delivery: envelope, headers, signature, POST. */
export class WebhookSender {
  readonly #context: DispatcherContext

  constructor(context: DispatcherContext) {
    this.#context = context
  }

  /** @param abort this attempt's own; aborting it makes the result `interrupted` */
  async send(job: DeliveryJob, at: Date, abort: AbortController): Promise<AttemptResult> {
    const { store, box, agent, config } = this.#context
    const record = store.peek(job.subscriptionId)
    if (!record) return { kind: 'interrupted' }
    let secret: string | undefined
    try {
      secret = record.secret === null ? undefined : box.open(record.id, record.secret)
    } catch {
      // Sealed with another key. The reason is shown as the subscription's `lastError`, and the delivery is retried.
      return { kind: 'unsignable' }
    }
    const body = Buffer.from(JSON.stringify(envelopeOf(job, record)))
    const headers = deliveryHeaders({ id: eventKeyOf(record.id, job.event.id), at, body, secret, version: BRIDGE_VERSION })
    return await post(record.url, headers, body, { agent, allowed: config.allowedNetworks, timeoutMs: config.timeoutMs, abort })
  }
}
