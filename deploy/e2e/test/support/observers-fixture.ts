import { type Bus, connectBus } from '@codex-bridge/bus'
import type { EventEnvelope, Webhook, WebhookEnvelope } from '@codex-bridge/contracts'
import { connectSse, type ReceivedRequest, type SseClient, startWebhookReceiver, type WebhookReceiver } from '@codex-bridge/testkit'
import { expect } from 'vitest'
import { SLOW_MS } from './bridge-environment.ts'
import type { BridgeFixture } from './bridge-fixture.ts'

/** A delivery as received. */
export type Delivery = { webhookId: string; envelope: WebhookEnvelope }

const deliveryOf = (request: ReceivedRequest): Delivery => ({
  webhookId: String(request.headers['webhook-id']),
  envelope: request.json as WebhookEnvelope,
})

/** Subscribers to every event of a bridge: an SSE stream that reconnects, and a webhook. */
export class Observers {
  readonly sse: SseClient
  readonly receiver: WebhookReceiver
  readonly webhook: Webhook

  constructor(sse: SseClient, receiver: WebhookReceiver, webhook: Webhook) {
    this.sse = sse
    this.receiver = receiver
    this.webhook = webhook
  }

  /** Events in the order of the stream, without its notices. */
  streamed(laneId?: string): EventEnvelope[] {
    const events = this.sse.events.filter(({ event }) => event === 'message').map(({ data }) => data as EventEnvelope)
    return laneId === undefined ? events : events.filter((event) => event.laneId === laneId)
  }

  /** In order of arrival, including repeats. */
  deliveries(laneId?: string): Delivery[] {
    const all = this.receiver.requestsTo('/all').map(deliveryOf)
    return laneId === undefined ? all : all.filter(({ envelope }) => envelope.laneId === laneId)
  }

  /** Event ids in order of first arrival. */
  delivered(laneId?: string): string[] {
    return [...new Set(this.deliveries(laneId).map(({ envelope }) => envelope.eventId))]
  }

  async close(): Promise<void> {
    this.sse.close()
    await this.receiver.close()
  }
}

/** Subscribes to every event. Call it before the first lane exists. */
export const observe = async (fixture: BridgeFixture): Promise<Observers> => {
  const receiver = await startWebhookReceiver()
  const answer = await fixture.http.post<Webhook>('/webhooks', { url: receiver.url('/all'), events: ['*'] })
  expect(answer.status, answer.text).toBe(201)
  const headers = { accept: 'text/event-stream' }
  const sse = await connectSse(`${fixture.bridge.baseUrl}/events/stream?since=0`, { headers, reconnect: true, openTimeoutMs: SLOW_MS })
  return new Observers(sse, receiver, answer.body)
}

/** A NATS subscriber with the observer's login. */
export const tapBus = async (fixture: BridgeFixture, subject: string): Promise<{ bus: Bus; events: EventEnvelope[] }> => {
  const bus = await connectBus({
    url: fixture.bridge.natsUrl,
    role: 'observer',
    instance: 'test',
    ...fixture.bridge.credentials('observer'),
  })
  const events: EventEnvelope[] = []
  bus.nc.subscribe(subject, {
    callback: (error, message) => {
      if (!error) events.push(message.json<EventEnvelope>())
    },
  })
  await bus.nc.flush()
  return { bus, events }
}
