import type { BusRole } from '@codex-bridge/contracts'
import type { ChildSpec } from '../supervision/child-spec.ts'
import type { BusCredential } from './credentials.ts'
import type { Health } from './health.ts'
import type { ServiceName } from './service-env.ts'

export type BridgeOptions = {
  /** Folder for everything that survives a restart. One bridge per folder at a time. */
  dataDir: string
  /** Port of the gateway. Default 0: a free one. */
  port?: number
  /** Default 127.0.0.1. */
  host?: string
  /** `kept`: NATS and Redis listen on 4222 and 6379, or the next free ports, and keep them over restarts. Default `any`. */
  serverPorts?: 'kept' | 'any'
  /** Source of inherited variables, NATS_URL and REDIS_URL. Default `process.env`. */
  env?: NodeJS.ProcessEnv
  /** Additional variables of single services. */
  serviceEnv?: Partial<Record<ServiceName, Record<string, string>>>
  /** CODEX_HOME of the session-runner; default as in the environment. */
  codexHome?: string
  /** Default: looked up on PATH, or installed. */
  natsBinary?: string
  redisBinary?: string
  /** Restart processes that end. Default true. */
  restart?: boolean
  /** Default all. */
  services?: readonly ServiceName[]
  /** Number of processes of a service. Default: one of each. */
  replicas?: Replicas
  /** Entry file of a service, for tests of the supervision. Default: the built one. */
  entryOf?: (service: ServiceName) => string
  /** Processes that are started before the services and supervised like them, such as the model of the demo. */
  companions?: readonly ChildSpec[]
  /** Time for all services to become healthy. Default 60 seconds. */
  healthyTimeoutMs?: number
  /** Report no progress or problems. Default false. */
  quiet?: boolean
  /** Receives progress and problems for the operator. Default: stderr. */
  say?: (line: string) => void
  /** Aborts a start in progress; `startBridge` then rejects and leaves nothing running. */
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
  /** Undefined: Codex's default. */
  readonly codexHome: string | undefined
  /** Answer of `GET /health` at the end of the start; undefined without a gateway. */
  readonly health: Health | undefined
  /** Running processes. A name is absent while its process is down, or if this bridge does not run it. */
  readonly pids: Partial<Record<ProcessName, number>>
  /** Login of a role on NATS. */
  credentials(role: BusRole): BusCredential
  /** Signals one process, as an outside killer would. For a signal that ends it, resolves once it has ended. */
  kill(name: ProcessName, signal?: NodeJS.Signals): Promise<void>
  /** Resolves when the current process of this name is ready. */
  ready(name: ProcessName): Promise<void>
  /** Stops one process and keeps it stopped. */
  stopProcess(name: ProcessName): Promise<void>
  /** Starts a process stopped by `stopProcess`. */
  startProcess(name: ProcessName): Promise<void>
  /** Output of a process since the last rotation of its log. */
  logs(name: ProcessName): string
  /** Resolves when every service answers through the gateway. */
  healthy(timeoutMs?: number): Promise<Health>
  /** Stops everything in reverse order and releases the data folder. `now` skips the grace time. */
  stop(now?: boolean): Promise<void>
}
