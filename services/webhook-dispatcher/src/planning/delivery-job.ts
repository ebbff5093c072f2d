import { BridgeEvent, guard, SubscriptionId, Timestamp, type WebhookEnvelope } from '@codex-bridge/contracts'
import { type Static, Type } from 'typebox'
import { deliveryIdOf, eventKeyOf, type SubscriptionRecord } from '../subscriptions/subscription-record.ts'

/** Type of the event a test sends; it is made here and is in no log, so its sequence is 0. */
export const TEST_EVENT = 'webhook.test'

/** One event on its way to one subscription, as queued. Carries the event: the log may have dropped it by the last attempt. */
export const DeliveryJob = Type.Object({
  subscriptionId: SubscriptionId,
  queuedAt: Timestamp,
  event: Type.Object({ ...BridgeEvent.properties, seq: Type.Integer({ minimum: 0 }) }),
})
export type DeliveryJob = Static<typeof DeliveryJob>

export const isDeliveryJob = guard(DeliveryJob)

/** Jobs of one key are delivered one after the other. A test waits for nobody. */
export const orderKey = (job: DeliveryJob): string => (job.event.type === TEST_EVENT ? job.event.id : job.event.laneId)

/** The body of a delivery, the same for every attempt as long as the subscription's scope is. */
export const envelopeOf = (job: DeliveryJob, record: SubscriptionRecord): WebhookEnvelope => {
  const { event } = job
  const eventKey = eventKeyOf(record.id, event.id)
  return {
    id: deliveryIdOf(eventKey),
    ts: job.queuedAt,
    source: 'oai-app-proxy',
    eventKey,
    eventId: event.id,
    subscriptionId: record.id,
    eventType: event.type,
    laneId: event.laneId,
    threadId: event.threadId,
    sessionId: event.sessionId,
    scope: {
      laneIds: record.scope.laneIds ?? [],
      threadIds: record.scope.threadIds ?? [],
      sessionIds: record.scope.sessionIds ?? [],
    },
    payload: event.payload,
    event,
  }
}

/** The event of a test, in the context the subscription is restricted to. */
export const testEvent = (record: SubscriptionRecord, eventId: string, now: string): DeliveryJob['event'] => ({
  seq: 0,
  id: eventId,
  ts: now,
  type: TEST_EVENT,
  laneId: record.scope.laneIds?.[0] ?? 'webhook-test',
  threadId: record.scope.threadIds?.[0] ?? null,
  sessionId: record.scope.sessionIds?.[0] ?? null,
  payload: { subscriptionId: record.id, message: 'This is a test of the subscription' },
  state: {},
})
