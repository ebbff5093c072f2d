import { fileURLToPath } from 'node:url'
import { type Health, waitUntilUp } from '../console/health-probe.ts'
import { startOnFreePort } from '../servers/server-endpoint.ts'
import { type Servers, startServers } from '../servers/server-start.ts'
import { declareTopology } from '../servers/topology-apply.ts'
import type { ChildSpec } from '../supervision/child-spec.ts'
import { isReadyLine } from '../supervision/log-line.ts'
import { reapOrphans } from '../supervision/orphan-reaper.ts'
import { Supervisor } from '../supervision/supervisor.ts'
import { takeLock } from './bridge-lock.ts'
import type { BridgeOptions, ProcessName, RunningBridge } from './bridge-options.ts'
import { createLayout, layoutOf } from './data-layout.ts'
import { PortTakenError } from './port-taken.ts'
import { anyFreePort, probePort } from './ports.ts'
import { loadSecrets } from './secrets.ts'
import { SERVICES, type ServiceName, serviceEnvironment } from './service-env.ts'

const HEALTHY_TIMEOUT_MS = 60_000
/** Longer than a service gives itself, so that it is the service that decides how it ends. */
const SERVICE_GRACE_MS = 22_000
const SERVICE_ATTEMPTS = 3
const REAP_GRACE_MS = 5000

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const builtEntry = (service: ServiceName): string => `${root}services/${service}/dist/main.js`

/**
 * Starts NATS, Redis and the services, and resolves when the bridge is healthy.
 * @throws BridgeRunsError when the data folder is in use, PortTakenError, ChildStartError, or Error with words for the operator;
 *   nothing is left running then
 */
export const startBridge = async (options: BridgeOptions): Promise<RunningBridge> => {
  const say = options.quiet ? () => undefined : (options.say ?? ((line: string) => void process.stderr.write(`${line}\n`)))
  const layout = layoutOf(options.dataDir)
  const host = options.host ?? '127.0.0.1'
  createLayout(layout)
  const release = takeLock(layout.lockFile, layout.dataDir, `http://${host}:${options.port ?? 0}`)
  const supervisor = new Supervisor({ layout, restart: options.restart ?? true, say })
  const abort = (): void => void supervisor.stop()
  options.signal?.addEventListener('abort', abort)
  const stop = async (now?: boolean): Promise<void> => {
    try {
      await supervisor.stop(now)
    } finally {
      release()
    }
  }
  try {
    await refuseTakenPort(options.port ?? 0, host)
    const left = await reapOrphans(layout.runDir, REAP_GRACE_MS)
    if (left.length > 0) say(`Ended what an earlier bridge had left: ${left.join(', ')}`)
    const secrets = loadSecrets(layout.secretsFile)
    const [servers] = await Promise.all([
      startServers({ options, layout, secrets, supervisor, say }),
      ...(options.companions ?? []).map((spec) => supervisor.start(spec)),
    ])
    await declareTopology(servers.natsUrl, servers.credential('migrator'), 'local')
    const port = await startServices(options, servers, secrets.webhookKey, supervisor, say)
    const baseUrl = `http://${host.includes(':') ? `[${host}]` : host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`
    const timeoutMs = options.healthyTimeoutMs ?? HEALTHY_TIMEOUT_MS
    const services = options.services ?? SERVICES
    const healthy = (limit = timeoutMs): Promise<Health> => waitUntilUp(baseUrl, services, limit, options.signal)
    const health = services.includes('gateway') ? await healthy() : undefined
    options.signal?.throwIfAborted()
    return running({ baseUrl, servers, options, health, supervisor, healthy, stop })
  } catch (error) {
    await stop(true)
    throw error
  } finally {
    options.signal?.removeEventListener('abort', abort)
  }
}

const refuseTakenPort = async (port: number, host: string): Promise<void> => {
  if (port !== 0 && (await probePort(port, host)) === undefined) throw new PortTakenError(port, host)
}

/** Starts the services side by side; returns the gateway's port. */
const startServices = async (
  options: BridgeOptions,
  servers: Servers,
  webhookKey: string,
  supervisor: Supervisor,
  say: (line: string) => void,
): Promise<number> => {
  const services = SERVICES.filter((service) => (options.services ?? SERVICES).includes(service))
  const host = options.host ?? '127.0.0.1'
  const startOne = async (service: ServiceName, port: number, attempts = SERVICE_ATTEMPTS): Promise<void> => {
    const spec: ChildSpec = {
      name: service,
      command: process.execPath,
      args: ['--enable-source-maps', (options.entryOf ?? builtEntry)(service)],
      env: serviceEnvironment(service, {
        user: options.env ?? process.env,
        natsUrl: servers.natsUrl,
        redisUrl: servers.redisUrl,
        credential: servers.credential(service),
        webhookKey,
        dataDir: layoutOf(options.dataDir).dataDir,
        host,
        port,
        codexHome: options.codexHome,
        overrides: options.serviceEnv?.[service] ?? {},
      }),
      cwd: root,
      isReady: isReadyLine,
      readyTimeoutMs: options.healthyTimeoutMs ?? HEALTHY_TIMEOUT_MS,
      graceMs: SERVICE_GRACE_MS,
      attempts,
    }
    await supervisor.start(spec)
    say(`${service} is ready`)
  }
  const wanted = options.port ?? 0
  let gatewayPort = wanted
  const starting = services.map(async (service) => {
    if (service !== 'gateway') return startOne(service, 0)
    // Any port: another process may take it before the gateway binds it. A given port is tried as it is.
    if (wanted === 0) gatewayPort = await startOnFreePort(await anyFreePort(host), [], (port) => startOne(service, port, 1))
    else await startOne(service, wanted)
  })
  await Promise.all(starting)
  return gatewayPort
}

type RunningParts = {
  baseUrl: string
  servers: Servers
  options: BridgeOptions
  health: Health | undefined
  supervisor: Supervisor
  healthy: (limit?: number) => Promise<Health>
  stop: (now?: boolean) => Promise<void>
}

const running = ({ baseUrl, servers, options, health, supervisor, healthy, stop }: RunningParts): RunningBridge => {
  const { dataDir, logDir } = layoutOf(options.dataDir)
  return {
    baseUrl,
    natsUrl: servers.natsUrl,
    redisUrl: servers.redisUrl,
    dataDir,
    logDir,
    codexHome: options.codexHome ?? (options.env ?? process.env)['CODEX_HOME'],
    health,
    get pids() {
      const entries = supervisor.names().map((name) => [name, supervisor.child(name).pid] as const)
      return Object.fromEntries(entries.filter(([, pid]) => pid !== undefined)) as Partial<Record<ProcessName, number>>
    },
    credentials: servers.credential,
    kill: (name, signal = 'SIGKILL') => supervisor.child(name).signal(signal),
    ready: (name) => supervisor.child(name).whenReady(),
    stopProcess: (name) => supervisor.child(name).stop(),
    startProcess: (name) => supervisor.child(name).start(),
    logs: (name) => supervisor.child(name).log.text(),
    healthy,
    stop,
  }
}
