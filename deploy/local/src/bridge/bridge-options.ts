import type { BusRole } from '@codex-bridge/contracts'
import type { ChildSpec } from '../supervision/child-spec.ts'
import type { BusCredential } from './credentials.ts'
import type { Health } from './health.ts'
import type { ServiceName } from './service-env.ts'

export type BridgeOptions = {
  /** Everything that survives a restart; one bridge at a time. */
  dataDir: string
  /** Of the gateway; 0 (the default) chooses a free one. */
  port?: number
  /** Default 127.0.0.1. */
  host?: string
  /** `kept`: the ports of NATS and Redis are 4222 and 6379, or the next free ones, and stay over restarts. Default `any`. */
  serverPorts?: 'kept' | 'any'
  /** What services inherit from, and where NATS_URL and REDIS_URL are looked up. Default `process.env`. */
  env?: NodeJS.ProcessEnv
  /** Laid over the environment of single services. */
  serviceEnv?: Partial<Record<ServiceName, Record<string, string>>>
  /** CODEX_HOME of the session-runner; default as in the environment. */
  codexHome?: string
  /** Default: found on PATH, or installed. */
  natsBinary?: string
  redisBinary?: string
  /** Whether a process that dies is started again. Default true. */
  restart?: boolean
  /** Default all. */
  services?: readonly ServiceName[]
  /** How many processes of a service. Default one of each. */
  replicas?: Replicas
  /** Entry file of a service; default the built one. For tests of the supervision itself. */
  entryOf?: (service: ServiceName) => string
  /** Processes that are started before the services and supervised like them: the demo's model. */
  companions?: readonly ChildSpec[]
  /** How long the services together may take until they are healthy. Default 60 seconds. */
  healthyTimeoutMs?: number
  /** Nothing is told about progress and problems. Default false. */
  quiet?: boolean
  /** Where lines for a person go. Default stderr. */
  say?: (line: string) => void
  /** Ends a start that is under way; it rejects, and leaves nothing. */
  signal?: AbortSignal
}

export type Replicas = Partial<Record<ServiceName, 1 | 2 | 3>>

/** The first process of a service has the name of the service. */
export type ReplicaName = ServiceName | `${ServiceName}-${2 | 3}`

export type ProcessName = ReplicaName | 'nats' | 'redis'

/** A bridge whose processes are up and healthy. */
export type RunningBridge = {
  /** Of the first gateway. */
  readonly baseUrl: string
  /** Of every gateway. */
  readonly baseUrls: readonly string[]
  readonly natsUrl: string
  readonly redisUrl: string
  readonly dataDir: string
  readonly logDir: string
  /** Undefined: Codex's own default. */
  readonly codexHome: string | undefined
  /** What `GET /health` said when the start was over; undefined without a gateway. */
  readonly health: Health | undefined
  /** Processes that run now; a name is absent while its process is down, or when it is not run by this bridge. */
  readonly pids: Partial<Record<ProcessName, number>>
  /** Login of a role on NATS. */
  credentials(role: BusRole): BusCredential
  /** Signals one process, as an outside killer would. For a signal that ends it, resolves at its end. */
  kill(name: ProcessName, signal?: NodeJS.Signals): Promise<void>
  /** Resolves when the current process of this name is ready. */
  ready(name: ProcessName): Promise<void>
  /** Ends one process and leaves it ended. */
  stopProcess(name: ProcessName): Promise<void>
  /** Starts one that was ended so. */
  startProcess(name: ProcessName): Promise<void>
  /** What a process has printed since its log was rotated last. */
  logs(name: ProcessName): string
  /** Resolves when every service answers through the gateway. */
  healthy(timeoutMs?: number): Promise<Health>
  /** Ends everything, in reverse order, and gives the data folder back. With `now` without grace. */
  stop(now?: boolean): Promise<void>
}
