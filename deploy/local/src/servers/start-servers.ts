import { randomInt } from 'node:crypto'
import type { BusRole } from '@codex-bridge/contracts'
import { freePort } from '@codex-bridge/platform'
import type { BridgeOptions } from '../bridge/bridge-options.ts'
import { type BusCredential, givenCredential, localCredential, type Secrets } from '../bridge/credentials.ts'
import type { DataLayout } from '../bridge/data-layout.ts'
import { PREFERRED_PORTS, readPorts, type ServerPorts, writePorts } from '../bridge/ports.ts'
import type { Supervisor } from '../supervision/supervisor.ts'
import { findServers, readServerVersion } from './binaries.ts'
import { natsSpec } from './nats-spec.ts'
import { reachServer } from './reach-server.ts'
import { redisSpec, redisUrl } from './redis-spec.ts'
import { startOnFreePort } from './start-on-free-port.ts'
import type { Server } from './system-packages.ts'

/** NATS and Redis as the services use them: started here, or given by the environment. */
export type Servers = { natsUrl: string; redisUrl: string; credential: (role: BusRole) => BusCredential }

type ServerSetup = {
  options: BridgeOptions
  layout: DataLayout
  secrets: Secrets
  supervisor: Supervisor
  say: (line: string) => void
}

/** Patience with a given server, which may be starting at the same moment. */
const GIVEN_TIMEOUT_MS = 15_000
/** Range of random ports, so that bridges started in parallel do not all try the same ones. */
const SPREAD = 2000

const wantedPorts = async ({ options, layout }: ServerSetup): Promise<ServerPorts> => {
  if (options.serverPorts === 'kept') return { ...PREFERRED_PORTS, ...readPorts(layout.portsFile) }
  const base = await freePort()
  return { nats: base, redis: base > SPREAD * 2 ? base - randomInt(1, SPREAD) : base + 1 }
}

/**
 * Starts NATS and Redis, except those given by NATS_URL and REDIS_URL.
 * @throws Error with a message for the operator when a binary is missing or a server does not start
 */
export const startServers = async (setup: ServerSetup): Promise<Servers> => {
  const { options, layout, secrets, supervisor, say } = setup
  const env = options.env ?? process.env
  const given = { nats: env['NATS_URL'] || undefined, redis: env['REDIS_URL'] || undefined }
  const wanted = (['nats', 'redis'] satisfies Server[]).filter((server) => given[server] === undefined)
  const toFind = wanted.filter((server) => (server === 'nats' ? options.natsBinary : options.redisBinary) === undefined)
  const found = toFind.length > 0 ? await findServers(toFind, say) : {}
  const binaries = { nats: options.natsBinary ?? found.nats ?? '', redis: options.redisBinary ?? found.redis ?? '' }
  const ports = await wantedPorts(setup)
  const patienceMs = Math.min(GIVEN_TIMEOUT_MS, options.healthyTimeoutMs ?? GIVEN_TIMEOUT_MS)

  const startNats = async (): Promise<number> => {
    const version = await readServerVersion(binaries.nats)
    const port = await startOnFreePort(ports.nats, [ports.redis], (candidate) =>
      supervisor.start(natsSpec(layout, binaries.nats, version, candidate, secrets)),
    )
    say(`NATS ${version} on 127.0.0.1:${port}`)
    return port
  }
  const startRedis = async (): Promise<number> => {
    const version = await readServerVersion(binaries.redis)
    const port = await startOnFreePort(ports.redis, [ports.nats], (candidate) =>
      supervisor.start(redisSpec(layout, binaries.redis, candidate, secrets.redis)),
    )
    say(`Redis ${version} on 127.0.0.1:${port}`)
    return port
  }

  const [natsPort, redisPort] = await Promise.all([
    given.nats === undefined ? startNats() : reachServer('NATS_URL', given.nats, PREFERRED_PORTS.nats, patienceMs),
    given.redis === undefined ? startRedis() : reachServer('REDIS_URL', given.redis, PREFERRED_PORTS.redis, patienceMs),
  ])
  if (options.serverPorts === 'kept') {
    writePorts(layout.portsFile, {
      ...readPorts(layout.portsFile),
      ...(natsPort && { nats: natsPort }),
      ...(redisPort && { redis: redisPort }),
    })
  }
  return {
    natsUrl: given.nats ?? `nats://127.0.0.1:${natsPort}`,
    redisUrl: given.redis ?? redisUrl(redisPort ?? 0, secrets.redis),
    credential: (role) => (given.nats === undefined ? localCredential(role, secrets) : givenCredential(role, env)),
  }
}
