import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { type Bus, EventLog, RESEND_MS, renderServerConfig } from '@codex-bridge/bus'
import { startBroker } from '@codex-bridge/bus/testing'
import {
  BUS_ROLES,
  type BusRole,
  type ReplyOf,
  type RequestOf,
  type ServiceVerb,
  subjects,
  type Webhook,
  type WebhookCreate,
  Webhooks,
} from '@codex-bridge/contracts'
import { stampEvent } from '@codex-bridge/service-kit'
import {
  createTempDir,
  type ManagedProcess,
  type NatsServer,
  type ReceivedRequest,
  startProcess,
  startWebhookReceiver,
  type WebhookReceiver,
  waitFor,
} from '@codex-bridge/testkit'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

export type FixtureOptions = {
  /** Runs the broker with one user per role and the real permissions. */
  secured?: boolean
  env?: Record<string, string>
}

/** A real broker, a receiver, and any number of dispatcher processes. */
export class DispatcherFixture {
  readonly nats: NatsServer
  readonly bus: Bus
  readonly receiver: WebhookReceiver
  readonly dispatchers: ManagedProcess[] = []
  readonly dataDir: string
  readonly #options: FixtureOptions
  readonly #log: EventLog
  readonly #ends = new Map<string, number>()
  readonly #cleanup: () => void
  #output = ''

  private constructor(
    options: FixtureOptions,
    nats: NatsServer,
    bus: Bus,
    receiver: WebhookReceiver,
    data: { path: string; cleanup: () => void },
  ) {
    this.#options = options
    this.nats = nats
    this.bus = bus
    this.receiver = receiver
    this.dataDir = data.path
    this.#cleanup = data.cleanup
    this.#log = new EventLog(bus)
  }

  static async start(options: FixtureOptions = {}): Promise<DispatcherFixture> {
    const data = createTempDir('webhook-dispatcher-')
    const passwords = Object.fromEntries(BUS_ROLES.map((role) => [role, `${role}-password`])) as Record<BusRole, string>
    const rendered = renderServerConfig({ host: '127.0.0.1', port: 4222, storeDir: data.path, passwords, version: '2.9.10' })
    // Address, name and store are set by the test; users and permissions are the real ones.
    const configText = rendered.replace(/^(listen|server_name):.*\n/gm, '').replace(/^jetstream \{[^}]*\}\n/m, '')
    const { nats, bus } = options.secured
      ? await startBroker({ configText }, { user: 'migrator', password: passwords.migrator })
      : await startBroker()
    return new DispatcherFixture(options, nats, bus, await startWebhookReceiver(), data)
  }

  /** All output of the dispatchers so far. */
  get output(): string {
    return this.#output
  }

  async startDispatcher(instance = 'webhook-dispatcher-1'): Promise<ManagedProcess> {
    const dispatcher = await startProcess({
      command: process.execPath,
      args: [MAIN],
      name: instance,
      env: {
        NATS_URL: this.nats.url,
        ...(this.#options.secured && { NATS_USER: 'webhook-dispatcher', NATS_PASSWORD: 'webhook-dispatcher-password' }),
        BRIDGE_INSTANCE: instance,
        BRIDGE_DATA_DIR: this.dataDir,
        BRIDGE_LOG_LEVEL: 'trace',
        BRIDGE_WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
        BRIDGE_WEBHOOK_RETRY_SCHEDULE_SEC: '0,0.2,0.2,0.2,0.2,0.2,0.2,0.2,0.2,0.2,0.2,0.2',
        ...this.#options.env,
      },
      readyWhen: (output) => output.includes('"msg":"ready"'),
      onOutput: (chunk) => {
        this.#output += chunk
      },
    })
    this.dispatchers.push(dispatcher)
    return dispatcher
  }

  async stop(): Promise<void> {
    for (const dispatcher of this.dispatchers) if (dispatcher.running) await dispatcher.stop()
    await this.bus.close()
    await this.receiver.close()
    await this.nats.stop()
    this.#cleanup()
  }

  ask<V extends ServiceVerb>(verb: V, request: RequestOf<V>): Promise<ReplyOf<V>> {
    // As the gateway asks: a process that dies with a request in hand must not cost an answer.
    return this.bus.call(verb, request, { timeoutMs: 10_000, resendMs: RESEND_MS })
  }

  create(path: string, body: Partial<WebhookCreate> = {}, commandId: string = randomUUID()): Promise<Webhook> {
    return this.ask(Webhooks.create, { commandId, body: { url: this.receiver.url(path), events: ['*'], ...body } })
  }

  patch(id: string, body: Partial<WebhookCreate>, commandId: string = randomUUID()): Promise<Webhook> {
    return this.ask(Webhooks.patch, { commandId, id, body })
  }

  remove(id: string, commandId: string = randomUUID()): Promise<unknown> {
    return this.ask(Webhooks.delete, { commandId, id })
  }

  get(id: string): Promise<Webhook> {
    return this.ask(Webhooks.get, { id })
  }

  /** Appends an event to a lane and returns its id. */
  async emit(
    laneId: string,
    type = 'lane.updated',
    about: { payload?: Record<string, unknown>; threadId?: string; sessionId?: string } = {},
  ): Promise<string> {
    const event = {
      ...stampEvent(),
      type,
      laneId,
      threadId: about.threadId ?? null,
      sessionId: about.sessionId ?? null,
      payload: about.payload ?? {},
      state: {},
    }
    this.#ends.set(laneId, await this.#log.append('lane', event, this.#ends.get(laneId) ?? 0))
    return event.id
  }

  /** Number of messages of one subscription in a stream. */
  async queued(stream: 'LANE_JOBS' | 'LANE_DEAD', id: string): Promise<number> {
    const subject = stream === 'LANE_JOBS' ? subjects.job(id) : subjects.dead(id)
    const info = await this.bus.jsm.streams.info(stream, { subjects_filter: subject })
    return info.state.subjects?.[subject] ?? 0
  }

  /** Resolves when a path has received all of these events. */
  async delivered(path: string, eventIds: readonly string[], timeoutMs = 20_000): Promise<ReceivedRequest[]> {
    await waitFor(() => missing(this.receiver.requestsTo(path), eventIds).length === 0, {
      timeoutMs,
      describe: `${eventIds.length} events on ${path} (${missing(this.receiver.requestsTo(path), eventIds).length} missing at first)`,
    })
    return this.receiver.requestsTo(path)
  }
}

export const eventIdOf = (request: ReceivedRequest): string => (request.json as { eventId: string }).eventId
const laneIdOf = (request: ReceivedRequest): string => (request.json as { laneId: string }).laneId

export const missing = (requests: readonly ReceivedRequest[], eventIds: readonly string[]): string[] => {
  const seen = new Set(requests.map(eventIdOf))
  return eventIds.filter((id) => !seen.has(id))
}

/** The webhook ids of each event. More than one would make a duplicate unrecognizable. */
export const idsPerEvent = (requests: readonly ReceivedRequest[]): Map<string, Set<string>> => {
  const ids = new Map<string, Set<string>>()
  for (const request of requests) {
    const known = ids.get(eventIdOf(request)) ?? new Set()
    ids.set(eventIdOf(request), known.add(String(request.headers['webhook-id'])))
  }
  return ids
}

/** The events of each lane in the order in which they were first received. */
export const firstSeenPerLane = (requests: readonly ReceivedRequest[]): Map<string, string[]> => {
  const lanes = new Map<string, string[]>()
  for (const request of requests) {
    const order = lanes.get(laneIdOf(request)) ?? []
    if (!order.includes(eventIdOf(request))) order.push(eventIdOf(request))
    lanes.set(laneIdOf(request), order)
  }
  return lanes
}
