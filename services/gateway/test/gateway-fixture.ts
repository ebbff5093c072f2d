import { type Bus, connectBus, type Endpoints, EventLog, serve, serveLane } from '@codex-bridge/bus'
import { Approvals, BridgeError, Registry, Sessions, type StoredEvent, type Verb, type VerbGroup, Webhooks } from '@codex-bridge/contracts'
import { createLogger, stampEvent } from '@codex-bridge/service-kit'
import { type ApiClient, documentedApi } from '@codex-bridge/testkit'
import { createApp } from '../src/app.ts'
import { openBusGateway } from '../src/bus/bus-gateway.ts'
import { readConfig } from '../src/config.ts'
import { createHealthProbe } from '../src/health/health-report.ts'
import { type HttpServer, serveHttp } from '../src/http/http-server.ts'
import { createRouter, type GatewayRouter } from '../src/http/router.ts'
import { apiRoutes } from '../src/routes/routes.ts'
import { openStreams, type StreamService } from '../src/sse/stream-service.ts'
import { sampleReply } from './schema-sample.ts'

const VERSION = '0.1.0'

export { startBroker } from '@codex-bridge/bus/testing'

export type RunningGateway = {
  url: string
  port: number
  http: ApiClient
  bus: Bus
  router: GatewayRouter
  streams: StreamService
  server: HttpServer
  stop: () => Promise<void>
}

/** The gateway in this process, wired as in main.ts. Its client checks every response against the OpenAPI document. */
export const startGateway = async (
  natsUrl: string,
  environment: NodeJS.ProcessEnv = {},
  tuning: { drainTimeoutMs?: number; heartbeatEveryMs?: number } = {},
): Promise<RunningGateway> => {
  const config = readConfig({ NATS_URL: natsUrl, PORT: '0', BRIDGE_COMMAND_TIMEOUT_MS: '1500', ...environment })
  const logger = createLogger('gateway', 'test', process.env['GATEWAY_TEST_LOG'] ?? 'silent')
  const bus = await connectBus({ url: natsUrl, role: 'gateway', instance: 'test', timeoutMs: 2000 })
  const streams = await openStreams(bus, { maxStreams: config.BRIDGE_MAX_STREAMS, logger, ...tuning })
  const routes = apiRoutes(createHealthProbe(bus), streams)
  const router = createRouter(routes, openBusGateway(bus, config.BRIDGE_COMMAND_TIMEOUT_MS))
  const app = createApp(config, logger, router)
  const server = await serveHttp(app.callback(), { host: config.HOST, port: config.PORT })
  const url = `http://127.0.0.1:${server.port}`
  const http = await documentedApi(url)
  return {
    url,
    port: server.port,
    http,
    bus,
    router,
    streams,
    server,
    stop: async () => {
      http.close()
      streams.stop()
      await server.stop()
      await bus.close()
    },
  }
}

export type Answers = Record<string, (request: never) => unknown>

/** Completes the fields that a test gives to a reply that fits the verb. */
const complete = (verbs: VerbGroup, answers: Answers): never =>
  Object.fromEntries(
    Object.entries(answers).map(([name, answer]) => [
      name,
      async (request: never) => sampleReply(verbs[name] as Verb, await answer(request)),
    ]),
  ) as never

/** Stubs of the services: each verb replies with the fields that a test gives. */
export const serveRegistry = (bus: Bus, answers: Answers): Promise<Endpoints> =>
  serve(bus, { name: 'lane-registry', version: VERSION }, Registry, complete(Registry, answers))
export const serveApprovals = (bus: Bus, answers: Answers): Promise<Endpoints> =>
  serve(bus, { name: 'approvals', version: VERSION }, Approvals, complete(Approvals, answers))
export const serveWebhooks = (bus: Bus, answers: Answers): Promise<Endpoints> =>
  serve(bus, { name: 'webhook-dispatcher', version: VERSION }, Webhooks, complete(Webhooks, answers))
export const serveSession = (bus: Bus, laneId: string, answers: Answers): Endpoints =>
  serveLane(bus, laneId, Sessions, complete(Sessions, answers))

export const refuse = (code: ConstructorParameters<typeof BridgeError>[0], details?: unknown) => (): never => {
  throw new BridgeError(code, undefined, { details })
}

/** Appends events to a lane as its only writer. */
export class LaneWriter {
  readonly laneId: string
  readonly #log: EventLog
  #seq = 0
  /** Sequences stored, in order. */
  readonly stored: number[] = []

  constructor(bus: Bus, laneId: string) {
    this.#log = new EventLog(bus)
    this.laneId = laneId
  }

  async append(fields: Partial<StoredEvent> = {}): Promise<number> {
    const event: StoredEvent = {
      ...stampEvent(),
      type: 'lane.updated',
      laneId: this.laneId,
      threadId: null,
      sessionId: null,
      payload: {},
      state: {},
      ...fields,
    }
    this.#seq = await this.#log.append('lane', event, this.#seq)
    this.stored.push(this.#seq)
    return this.#seq
  }
}
