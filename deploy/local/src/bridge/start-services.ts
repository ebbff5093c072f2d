import { fileURLToPath } from 'node:url'
import { freePort } from '@codex-bridge/platform'
import { startOnFreePort } from '../servers/start-on-free-port.ts'
import type { Servers } from '../servers/start-servers.ts'
import type { ChildSpec } from '../supervision/child-spec.ts'
import { isReadyLine } from '../supervision/log-line.ts'
import type { Supervisor } from '../supervision/supervisor.ts'
import type { BridgeOptions, ReplicaName } from './bridge-options.ts'
import { layoutOf } from './data-layout.ts'
import { SERVICES, type ServiceName, serviceEnvironment } from './service-env.ts'

/** How long the services may take until they are ready and healthy. */
export const HEALTHY_TIMEOUT_MS = 60_000
/** Longer than a service gives itself, so that the service decides how it ends. */
const SERVICE_GRACE_MS = 22_000
const SERVICE_ATTEMPTS = 3

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const builtEntry = (service: ServiceName): string => `${root}services/${service}/dist/main.js`

type Replica = { service: ServiceName; number: 1 | 2 | 3; name: ReplicaName }

const NUMBERS = [1, 2, 3] as const

type Start = {
  options: BridgeOptions
  servers: Servers
  webhookKey: string
  supervisor: Supervisor
  say: (line: string) => void
}

const replicasOf = ({ services = SERVICES, replicas = {} }: BridgeOptions): Replica[] =>
  SERVICES.filter((service) => services.includes(service)).flatMap((service) =>
    NUMBERS.slice(0, replicas[service] ?? 1).map((number) => ({
      service,
      number,
      name: number === 1 ? service : (`${service}-${number}` as const),
    })),
  )

const startReplica = async (start: Start, replica: Replica, port: number, attempts = SERVICE_ATTEMPTS): Promise<void> => {
  const { options, servers, webhookKey, supervisor, say } = start
  const { service, number, name } = replica
  const spec: ChildSpec = {
    name,
    command: process.execPath,
    args: ['--enable-source-maps', (options.entryOf ?? builtEntry)(service)],
    env: serviceEnvironment(service, {
      user: options.env ?? process.env,
      natsUrl: servers.natsUrl,
      redisUrl: servers.redisUrl,
      credential: servers.credential(service),
      webhookKey,
      dataDir: layoutOf(options.dataDir).dataDir,
      host: options.host ?? '127.0.0.1',
      port,
      codexHome: options.codexHome,
      overrides: { BRIDGE_INSTANCE: `${service}-${number}`, ...options.serviceEnv?.[service] },
    }),
    cwd: root,
    isReady: isReadyLine,
    readyTimeoutMs: options.healthyTimeoutMs ?? HEALTHY_TIMEOUT_MS,
    graceMs: SERVICE_GRACE_MS,
    attempts,
  }
  await supervisor.start(spec)
  say(`${name} is ready`)
}

/**
 * Starts the services side by side.
 * @returns the ports of the gateways, in the order of their numbers
 */
export const startServices = async (start: Start): Promise<number[]> => {
  const { port: wanted = 0, host = '127.0.0.1' } = start.options
  const starting = replicasOf(start.options).map(async (replica) => {
    if (replica.service !== 'gateway') return startReplica(start, replica, 0).then(() => [])
    if (wanted !== 0 && replica.number === 1) return startReplica(start, replica, wanted).then(() => [wanted])
    // Another process may take a free port before the gateway binds it.
    return [await startOnFreePort(await freePort(host), [], (port) => startReplica(start, replica, port, 1))]
  })
  return (await Promise.all(starting)).flat()
}
