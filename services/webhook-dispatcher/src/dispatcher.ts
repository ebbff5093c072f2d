import { type Bus, type LeaseTable, reactorLag, runAsLeader, runReactor, WorkQueue } from '@codex-bridge/bus'
import { STREAMS } from '@codex-bridge/contracts'
import type { ServiceContext, Stoppable } from '@codex-bridge/service-kit'
import type { DispatcherConfig } from './config.ts'
import { DeliveryManager } from './delivery/delivery-manager.ts'
import { serveWebhooks } from './endpoints.ts'
import { createAgent } from './http/guarded-agent.ts'
import { JobPlanner } from './planning/job-planner.ts'
import { loadWebhookKey, SecretBox } from './subscriptions/secret-box.ts'
import { SubscriptionStore } from './subscriptions/subscription-store.ts'

/** Names the leader's lease and the planner's checkpoint. */
const ROLE = 'webhooks'

export type DispatcherDeps = { context: ServiceContext; config: DispatcherConfig; bus: Bus; leases: LeaseTable }

/**
 * Starts the parts of a dispatcher: the subscriptions and their endpoints in every process, planning and delivery in the
 * one that leads.
 */
export const startDispatcher = async (deps: DispatcherDeps, started: (part: Stoppable) => void): Promise<void> => {
  const { bus, config, context } = deps
  const { logger } = context
  const box = new SecretBox(loadWebhookKey(config.webhookKey, config.dataDir))

  const watching = new AbortController()
  const store = await SubscriptionStore.open(bus, watching.signal)
  started({ name: 'subscriptions', stop: () => watching.abort() })

  const agent = createAgent({ allowed: config.delivery.allowedNetworks, timeoutMs: config.delivery.timeoutMs })
  started({ name: 'http client', stop: () => agent.destroy() })

  let fleet: DeliveryManager | undefined
  const lead = async (signal: AbortSignal): Promise<void> => {
    const planner = new JobPlanner(bus, store, new WorkQueue(bus, STREAMS.jobs))
    const delivery = new DeliveryManager({
      ...{ bus, store, box, agent, logger, config: config.delivery },
      plannerSettled: () => planner.settled(),
    })
    try {
      await planner.begin()
      fleet = delivery
      delivery.start()
      const observe = (problem: string) => logger.warn({ problem }, 'planner')
      await runReactor({ bus, name: ROLE, signal, observe }, (event) => planner.plan(event))
    } finally {
      planner.end()
      await delivery.stop()
      fleet = undefined
    }
  }
  const leading = new AbortController()
  const term = runAsLeader(
    {
      table: deps.leases,
      role: ROLE,
      signal: leading.signal,
      observe: (event, problem) => (problem ? logger.warn({ err: problem }, event) : logger.info(event)),
    },
    lead,
  )
  started({
    name: 'deliveries',
    stop: async () => {
      leading.abort()
      await term
    },
  })

  const describe = async () => ({
    instance: context.instance,
    leading: fleet !== undefined,
    // Events not yet matched against the subscriptions; what is matched and not delivered is in flight or waiting.
    lag: await reactorLag(bus, ROLE).catch(() => null),
    subscriptions: store.live().length,
    enabled: store.live().filter(({ enabled }) => enabled).length,
    ...(fleet?.load() ?? { inFlight: 0, waiting: 0 }),
  })
  const endpoints = await serveWebhooks({ ...{ bus, store, box, logger, describe }, allowedNetworks: config.delivery.allowedNetworks })
  started({ name: 'endpoints', stop: () => endpoints.stop() })
}
