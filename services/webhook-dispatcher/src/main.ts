import { runAsLeader } from '@codex-bridge/bus'
import { connectService, createContext, openLeases, readConfigOrExit, runService } from '@codex-bridge/service-kit'
import { readConfig } from './config.ts'
import type { DispatcherContext } from './context.ts'
import { DeliveryLeader, ROLE } from './delivery-leader.ts'
import { serveWebhooks } from './endpoints.ts'
import { createAgent } from './http/guarded-agent.ts'
import { loadWebhookKey, SecretBox } from './subscriptions/secret-box.ts'
import { SubscriptionStore } from './subscriptions/subscription-store.ts'

const config = readConfigOrExit(readConfig)
const { delivery } = config
const service = createContext('webhook-dispatcher', config.environment)
const { logger } = service

await runService(logger, async (started) => {
  const bus = await connectService(service, config.environment)
  started({ name: 'bus', stop: () => bus.close() })

  const watching = new AbortController()
  const store = await SubscriptionStore.open(bus, logger, watching.signal)
  started({ name: 'subscriptions', stop: () => watching.abort() })

  const agent = createAgent({ allowed: delivery.allowedNetworks, timeoutMs: delivery.timeoutMs })
  started({ name: 'http client', stop: () => agent.destroy() })

  const box = new SecretBox(loadWebhookKey(config.webhookKey, config.dataDir))
  const context: DispatcherContext = { bus, store, box, agent, config: delivery, logger }
  const leader = new DeliveryLeader(context)
  const ending = new AbortController()
  const leading = runAsLeader(
    {
      table: await openLeases(bus, service),
      role: ROLE,
      signal: ending.signal,
      observe: (event, problem) => (problem ? logger.warn({ err: problem }, event) : logger.info(event)),
    },
    (signal) => leader.lead(signal),
  )
  started({
    name: 'deliveries',
    stop: async () => {
      ending.abort()
      await leading
    },
  })

  const endpoints = await serveWebhooks(context, leader, service.instance)
  started({ name: 'endpoints', stop: () => endpoints.stop() })
})
