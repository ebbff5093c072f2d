import { readEnvironment, type ServiceConfig, serviceEnvironment } from '@codex-bridge/service-kit'
import { Type } from 'typebox'
import { type Network, networksProblem, parseNetworks } from './http/address-policy.ts'
import { parseSchedule, type RetrySchedule } from './retries/backoff.ts'

/** Environment of the webhook-dispatcher. */
export const DispatcherEnvironment = Type.Object({
  ...serviceEnvironment,
  BRIDGE_DATA_DIR: Type.String({ default: 'data', description: 'Folder of the key file that is used without `BRIDGE_WEBHOOK_KEY`.' }),
  BRIDGE_WEBHOOK_KEY: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9+/]{43}=$',
      description:
        'Key that encrypts webhook secrets at rest: 32 bytes in base64. Without it: a key file in `BRIDGE_DATA_DIR`. ' +
        'Required when replicas do not share that folder.',
    }),
  ),
  BRIDGE_WEBHOOK_ALLOWED_NETWORKS: Type.Refine(
    Type.String({
      default: '',
      description:
        'Comma-separated address blocks (`10.0.0.0/8,::1/128`) that may be posted to although they are not public. `npm start` allows loopback.',
    }),
    (csv) => networksProblem(csv) === undefined,
    (csv) => networksProblem(csv) ?? '',
  ),
  BRIDGE_WEBHOOK_TIMEOUT_MS: Type.Integer({
    default: 15_000,
    minimum: 100,
    maximum: 120_000,
    description: 'Deadline of one attempt, from connecting to the end of the answer.',
  }),
  BRIDGE_WEBHOOK_CONCURRENCY: Type.Integer({
    default: 8,
    minimum: 1,
    maximum: 256,
    description: 'Maximum number of attempts under way per subscription.',
  }),
  BRIDGE_WEBHOOK_RETRY_SCHEDULE_SEC: Type.String({
    default: '0,5,300,1800,7200,18000,36000,50400,72000,86400',
    pattern: '^\\d+(\\.\\d+)?(,\\d+(\\.\\d+)?)*$',
    description: 'Seconds to wait before each attempt, varied by ±20 %. There are as many attempts as entries.',
  }),
})

/** Settings of all deliveries, whatever the subscription. */
export type DeliveryConfig = {
  allowedNetworks: readonly Network[]
  timeoutMs: number
  concurrency: number
  schedule: RetrySchedule
}

export type DispatcherConfig = {
  /** All settings as read, for the connection and the log. */
  environment: ServiceConfig & Record<string, unknown>
  dataDir: string
  webhookKey: string | undefined
  delivery: DeliveryConfig
}

/**
 * Configuration of this service from the environment.
 * @throws BridgeError `validation_error` listing every problem
 */
export const readConfig = (environment: NodeJS.ProcessEnv): DispatcherConfig => {
  const read = readEnvironment(DispatcherEnvironment, environment)
  return {
    environment: read,
    dataDir: read.BRIDGE_DATA_DIR,
    webhookKey: read.BRIDGE_WEBHOOK_KEY,
    delivery: {
      allowedNetworks: parseNetworks(read.BRIDGE_WEBHOOK_ALLOWED_NETWORKS),
      timeoutMs: read.BRIDGE_WEBHOOK_TIMEOUT_MS,
      concurrency: read.BRIDGE_WEBHOOK_CONCURRENCY,
      schedule: parseSchedule(read.BRIDGE_WEBHOOK_RETRY_SCHEDULE_SEC),
    },
  }
}
