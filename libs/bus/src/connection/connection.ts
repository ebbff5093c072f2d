import { BridgeError, type BusRole } from '@codex-bridge/contracts'
import { type ConnectionOptions, connect, type JetStreamClient, type JetStreamManager, type NatsConnection } from 'nats'
import { assertServerSupported } from '../server/server-requirements.ts'

/** Receives what happens to the connection. Wire it to a logger. */
type BusObserver = (event: { kind: 'disconnected' | 'reconnected' | 'slow' | 'error'; message: string }) => void

export type BusOptions = {
  url: string
  /** Names the connection on the server and prefixes its private inbox. */
  role: BusRole
  instance: string
  user?: string | undefined
  password?: string | undefined
  /** How long one JetStream or request round trip may take, in milliseconds. Default 5000. */
  timeoutMs?: number
  observe?: BusObserver
}

/** One connection to NATS with its JetStream handles. It reconnects without limit, so a broker outage never ends a service. */
export type Connection = {
  readonly nc: NatsConnection
  readonly js: JetStreamClient
  readonly jsm: JetStreamManager
  readonly role: BusRole
  readonly timeoutMs: number
  /** True while the connection is up. */
  connected(): boolean
  /** Time of the last reconnect, on the clock of `performance.now()`; -Infinity if the connection never broke. */
  reconnectedAt(): number
  /** Calls the listener after every reconnect; returns a function that removes it. */
  onReconnect(listener: () => void): () => void
  /** Reports a problem to the observer. */
  report(problem: string): void
  /** Drains and closes. Call it last: work in flight must have been awaited before. */
  close(): Promise<void>
}

/** Milliseconds between pings. A dead peer is noticed after two, well within a lease's lifetime. */
const PING_INTERVAL_MS = 5000

/**
 * Connects, waiting until the server is reachable.
 * @throws BridgeError `bus_unavailable` when the server is too old for how it is run (see server-requirements.ts)
 */
export const openConnection = async (options: BusOptions): Promise<Connection> => {
  const timeoutMs = options.timeoutMs ?? 5000
  const settings: ConnectionOptions = {
    servers: options.url.split(','),
    name: `${options.role} ${options.instance}`,
    inboxPrefix: inboxPrefix(options.role),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    waitOnFirstConnect: true,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: 2,
    // Otherwise the library captures a stack trace per request, which costs more than the request.
    noAsyncTraces: true,
    ...(options.user !== undefined && { user: options.user, pass: options.password ?? '' }),
  }
  const nc = await connect(settings)
  assertServerSupported(nc.info)
  const reconnectListeners = new Set<() => void>()
  let up = true
  let reconnectedAt = Number.NEGATIVE_INFINITY
  const watch = async () => {
    for await (const status of nc.status()) {
      if (status.type === 'disconnect') {
        up = false
        options.observe?.({ kind: 'disconnected', message: String(status.data) })
      } else if (status.type === 'reconnect') {
        up = true
        reconnectedAt = performance.now()
        options.observe?.({ kind: 'reconnected', message: String(status.data) })
        for (const listener of reconnectListeners) listener()
      } else if (status.type === 'error') {
        options.observe?.({
          kind: 'error',
          message: `${status.data} ${status.permissionContext ? JSON.stringify(status.permissionContext) : ''}`,
        })
      }
    }
  }
  void watch()
  const jetstream = { timeout: timeoutMs }
  const jsm = await nc.jetstreamManager({ ...jetstream, checkAPI: false }).catch((cause: unknown) => {
    throw new BridgeError('bus_unavailable', 'JetStream does not answer', { cause })
  })
  return {
    nc,
    js: nc.jetstream(jetstream),
    jsm,
    role: options.role,
    timeoutMs,
    connected: () => up && !nc.isClosed(),
    reconnectedAt: () => reconnectedAt,
    onReconnect: (listener) => {
      reconnectListeners.add(listener)
      return () => reconnectListeners.delete(listener)
    },
    report: (message) => options.observe?.({ kind: 'error', message }),
    close: async () => {
      if (!nc.isClosed()) await nc.drain().catch(() => nc.close())
    },
  }
}

/** Replies go to an inbox that only this role may read, so that no service can read another's replies. */
export const inboxPrefix = (role: BusRole): string => `_INBOX.${role}`
