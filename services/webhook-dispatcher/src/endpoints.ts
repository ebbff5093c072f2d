import { type Endpoints, EventLog, serve, WorkQueue } from '@codex-bridge/bus'
import { BridgeError, STREAMS, type Webhook, Webhooks } from '@codex-bridge/contracts'
import { BRIDGE_VERSION, fingerprint, logServed } from '@codex-bridge/service-kit'
import type { DispatcherContext } from './context.ts'
import type { DeliveryLeader } from './delivery-leader.ts'
import { testEvent } from './planning/delivery-job.ts'
import { publishJob } from './planning/job-planner.ts'
import { createSubscription, deleteSubscription, patchSubscription, repeatCreate } from './subscriptions/subscription-decider.ts'
import { deliveryIdOf, eventKeyOf, type SubscriptionRecord, testEventIdOf, webhookOf } from './subscriptions/subscription-record.ts'

/** Serves `lane.cmd.webhooks.*`. Every process of the service answers, whichever leads. */
export const serveWebhooks = (dispatcher: DispatcherContext, leader: DeliveryLeader, instance: string): Promise<Endpoints> => {
  const { bus, store, box, config, logger } = dispatcher
  const log = new EventLog(bus)
  const jobs = new WorkQueue(bus, STREAMS.jobs)
  const view = (record: SubscriptionRecord): Webhook => webhookOf(record, store.status(record.id))
  const context = (verb: string, commandId: string, request: Record<string, unknown>) => ({
    commandId,
    fingerprint: fingerprint(verb, typeof request['secret'] === 'string' ? { ...request, secret: box.digest(request['secret']) } : request),
    now: new Date().toISOString(),
    allowedNetworks: config.allowedNetworks,
    seal: (id: string, secret: string) => box.seal(id, secret),
  })
  const present = (record: SubscriptionRecord | undefined): SubscriptionRecord => {
    if (!record || record.deletedAt !== null) throw new BridgeError('webhook_not_found')
    return record
  }
  return serve(
    bus,
    { name: 'webhook-dispatcher', version: BRIDGE_VERSION },
    Webhooks,
    {
      list: async () => {
        await store.catchUp()
        return { webhooks: store.live().map(view), nextCursor: null }
      },
      get: async ({ id }) => {
        await store.catchUp()
        return view(present(store.peek(id)))
      },
      create: async ({ commandId, body }) => {
        const command = context('create', commandId, body)
        const { lastSeq } = await log.extent()
        const { record, created } = await store.create(createSubscription(body, lastSeq, command))
        return view(created ? record : repeatCreate(record, command))
      },
      patch: async ({ commandId, id, body }) => {
        const command = context('patch', commandId, { id, ...body })
        const { lastSeq } = await log.extent()
        return view(present(await store.change(id, (record) => patchSubscription(record, body, lastSeq, command))))
      },
      delete: async ({ commandId, id }) => {
        await store.change(id, (record) => deleteSubscription(record, context('delete', commandId, { id })))
        return { id }
      },
      test: async ({ commandId, id }) => {
        const record = present(await store.get(id))
        if (!record.enabled) {
          throw new BridgeError('validation_error', 'The subscription is disabled', {
            details: [{ path: '/enabled', message: 'a disabled subscription gets no deliveries; enable it to test it' }],
          })
        }
        const now = new Date().toISOString()
        const event = testEvent(record, testEventIdOf(id, commandId), now)
        await publishJob(jobs, { subscriptionId: id, queuedAt: now, event })
        return { deliveryId: deliveryIdOf(eventKeyOf(id, event.id)), eventId: event.id, queued: true } as const
      },
      health: async () => {
        const subscriptions = store.live()
        return {
          status: 'ok',
          version: BRIDGE_VERSION,
          instance,
          leading: leader.leading,
          // Health is answered without the broker too: null says that the lag is unknown.
          lag: await leader.lag().catch(() => null),
          subscriptions: subscriptions.length,
          enabled: subscriptions.filter(({ enabled }) => enabled).length,
          ...leader.load,
        }
      },
    },
    { observe: logServed(logger) },
  )
}
