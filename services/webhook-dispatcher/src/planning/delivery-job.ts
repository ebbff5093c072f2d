import type { Job } from '@codex-bridge/bus'
import { EventEnvelope, guard, SubscriptionId, Timestamp, type WebhookEnvelope } from '@codex-bridge/contracts'
import { type Static, Type } from 'typebox'
import { deliveryIdOf, eventKeyOf, type SubscriptionRecord } from '../subscriptions/subscription-record.ts'

/** Type of the event that a test sends. It is created here and not in the log, so its sequence is 0. */
const TEST_EVENT = 'webhook.test'

/** One event for one subscription, as queued. Carries the event, because the log may have dropped it by the last attempt. */
export const DeliveryJob = Type.Object({
  subscriptionId: SubscriptionId,
  queuedAt: Timestamp,
  event: Type.Object({ ...EventEnvelope.properties, seq: Type.Integer({ minimum: 0 }) }),
})
export type DeliveryJob = Static<typeof DeliveryJob>

const isDeliveryJob = guard(DeliveryJob)

/** The delivery in a queued job; undefined for anything else, which can never be delivered. */
export const readJob = (job: Job): DeliveryJob | undefined => {
  try {
    const { body } = job
    return isDeliveryJob(body) ? body : undefined
  } catch {
    // Not JSON. The caller logs it and drops the job.
    return
  }
}

/** Jobs with the same key are delivered one after the other. A test has a key of its own, so it never waits. */
export const orderKey = (job: DeliveryJob): string => (job.event.type === TEST_EVENT ? job.event.id : job.event.laneId)

/** The body of a delivery. It is the same for every attempt unless the subscription's scope changes. */
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

/** The event of a test, with ids from the subscription's scope. */
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
