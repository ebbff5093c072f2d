import { type Bus, type Endpoints, EventLog, serve, WorkQueue } from '@codex-bridge/bus'
import { BridgeError, type ReplyOf, STREAMS, type Webhook, Webhooks } from '@codex-bridge/contracts'
import { BRIDGE_VERSION, fingerprint, type Logger, logServed } from '@codex-bridge/service-kit'
import type { Network } from './http/address-policy.ts'
import { testEvent } from './planning/delivery-job.ts'
import { publishJob } from './planning/job-planner.ts'
import type { SecretBox } from './subscriptions/secret-box.ts'
import { createSubscription, deleteSubscription, patchSubscription, repeatCreate } from './subscriptions/subscription-decider.ts'
import { deliveryIdOf, eventKeyOf, type SubscriptionRecord, testEventIdOf, webhookOf } from './subscriptions/subscription-record.ts'
import type { SubscriptionStore } from './subscriptions/subscription-store.ts'

export type EndpointDeps = {
  bus: Bus
  store: SubscriptionStore
  box: SecretBox
  allowedNetworks: readonly Network[]
  logger: Logger
  /** What this process does, for `health`. */
  describe: () => Promise<ReplyOf<typeof Webhooks.health>>
}

/** Answers `lane.cmd.webhooks.*`. Every process of the service answers, whoever leads. */
export const serveWebhooks = (deps: EndpointDeps): Promise<Endpoints> => {
  const { bus, store, box } = deps
  const log = new EventLog(bus)
  const jobs = new WorkQueue(bus, STREAMS.jobs)
  const view = (record: SubscriptionRecord): Webhook => webhookOf(record, store.status(record.id))
  const context = (verb: string, commandId: string, request: Record<string, unknown>) => ({
    commandId,
    fingerprint: fingerprint(verb, typeof request['secret'] === 'string' ? { ...request, secret: box.digest(request['secret']) } : request),
    now: new Date().toISOString(),
    allowedNetworks: deps.allowedNetworks,
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
      list: () => ({ webhooks: store.live().map(view), nextCursor: null }),
      get: async ({ id }) => view(present(await store.get(id))),
      create: async ({ commandId, body }) => {
        const asked = context('create', commandId, body)
        const { lastSeq } = await log.extent()
        const { record, created } = await store.create(createSubscription(body, lastSeq, asked))
        return view(created ? record : repeatCreate(record, asked))
      },
      patch: async ({ commandId, id, body }) => {
        const asked = context('patch', commandId, { id, ...body })
        return view(present(await store.change(id, (record) => patchSubscription(record, body, asked))))
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
      health: async () => ({ status: 'ok', version: BRIDGE_VERSION, ...(await deps.describe()) }),
    },
    { observe: logServed(deps.logger) },
  )
}
