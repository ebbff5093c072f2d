import { probePort } from '@codex-bridge/platform'
import { declareTopology } from '../servers/declare-topology.ts'
import { type Servers, startServers } from '../servers/start-servers.ts'
import { reapOrphans } from '../supervision/orphan-reaper.ts'
import { Supervisor } from '../supervision/supervisor.ts'
import { takeLock } from './bridge-lock.ts'
import type { BridgeOptions, ProcessName, RunningBridge } from './bridge-options.ts'
import { loadSecrets } from './credentials.ts'
import { createLayout, layoutOf } from './data-layout.ts'
import { type Health, waitUntilUp } from './health.ts'
import { PortTakenError } from './ports.ts'
import { SERVICES } from './service-env.ts'
import { HEALTHY_TIMEOUT_MS, startServices } from './start-services.ts'

const REAP_GRACE_MS = 5000

/**
 * Starts NATS, Redis and the services, and resolves when the bridge is healthy.
 * @throws BridgeRunsError when the data folder is in use, PortTakenError, ChildStartError, or Error with a message for the
 *   operator; nothing is left running then
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
    const orphans = await reapOrphans(layout.runDir, REAP_GRACE_MS)
    if (orphans.length > 0) say(`Ended processes left by an earlier bridge: ${orphans.join(', ')}`)
    const secrets = loadSecrets(layout.secretsFile)
    const [servers] = await Promise.all([
      startServers({ options, layout, secrets, supervisor, say }),
      ...(options.companions ?? []).map((spec) => supervisor.start(spec)),
    ])
    await declareTopology(servers.natsUrl, servers.credential('migrator'), 'local')
    const ports = await startServices({ options, servers, webhookKey: secrets.webhookKey, supervisor, say })
    const baseUrls = ports.map((port) => `http://${reachable(host)}:${port}`)
    const [baseUrl = ''] = baseUrls
    const timeoutMs = options.healthyTimeoutMs ?? HEALTHY_TIMEOUT_MS
    const services = options.services ?? SERVICES
    const healthy = (limit = timeoutMs): Promise<Health> => waitUntilUp(baseUrl, services, limit, options.signal)
    const health = services.includes('gateway') ? await healthy() : undefined
    options.signal?.throwIfAborted()
    return running({ baseUrls, servers, options, health, supervisor, healthy, stop })
  } catch (error) {
    await stop(true)
    throw error
  } finally {
    options.signal?.removeEventListener('abort', abort)
  }
}

/** The host of a URL that reaches what listens on `host`. */
const reachable = (host: string): string => (host.includes(':') ? `[${host}]` : host === '0.0.0.0' ? '127.0.0.1' : host)

const refuseTakenPort = async (port: number, host: string): Promise<void> => {
  if (port !== 0 && (await probePort(port, host)) === undefined) throw new PortTakenError(port, host)
}

type RunningParts = {
  baseUrls: string[]
  servers: Servers
  options: BridgeOptions
  health: Health | undefined
  supervisor: Supervisor
  healthy: (limit?: number) => Promise<Health>
  stop: (now?: boolean) => Promise<void>
}

const running = ({ baseUrls, servers, options, health, supervisor, healthy, stop }: RunningParts): RunningBridge => {
  const { dataDir, logDir } = layoutOf(options.dataDir)
  return {
    baseUrl: baseUrls[0] ?? '',
    baseUrls,
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
