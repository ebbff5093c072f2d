import type { Bus } from '@codex-bridge/bus'
import type { Logger } from '@codex-bridge/service-kit'
import type { Agent } from 'undici'
import type { DeliveryConfig } from './config.ts'
import type { SecretBox } from './subscriptions/secret-box.ts'
import type { SubscriptionStore } from './subscriptions/subscription-store.ts'

/** What the parts of one dispatcher process share. */
export type DispatcherContext = {
  bus: Bus
  store: SubscriptionStore
  box: SecretBox
  /** The HTTP client of all deliveries. */
  agent: Agent
  config: DeliveryConfig
  logger: Logger
}
