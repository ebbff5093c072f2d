import { BridgeError } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import Koa from 'koa'
import type { BusGateway } from './bus/bus-gateway.ts'
import { entriesOf, type GatewayConfig } from './config.ts'
import type { HealthProbe } from './health/health-report.ts'
import { accessLog } from './http/access-log.ts'
import { errorMapping } from './http/error-responder.ts'
import type { GatewayMiddleware, GatewayState } from './http/gateway-context.ts'
import { hostGuard } from './http/guards/host-guard.ts'
import { originGuard } from './http/guards/origin-guard.ts'
import { securityHeaders } from './http/guards/security-headers.ts'
import { contentTypeCheck, jsonBody } from './http/json-body.ts'
import { requestId } from './http/request-id.ts'
import { approvalRoutes } from './routes/approvals.ts'
import { asyncapiRoutes } from './routes/asyncapi.ts'
import { codexRoutes } from './routes/codex.ts'
import { debugRoutes } from './routes/debug.ts'
import { eventRoutes } from './routes/events.ts'
import { createRouter, type GatewayRouter, methodsFor } from './routes/gateway-router.ts'
import { healthRoutes } from './routes/health.ts'
import { laneFlowRoutes } from './routes/lane-flows.ts'
import { laneRoutes } from './routes/lanes.ts'
import { openapiRoutes } from './routes/openapi.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { threadRoutes } from './routes/threads.ts'
import { watchRoutes } from './routes/watch.ts'
import { webhookRoutes } from './routes/webhooks.ts'
import { workflowRoutes } from './routes/workflows.ts'
import type { StreamService } from './sse/stream-service.ts'

export type AppParts = { config: GatewayConfig; logger: Logger; bus: BusGateway; health: HealthProbe; streams: StreamService }

/** The HTTP application: every middleware in its order, then the routes. */
export const createApp = ({ config, logger, bus, health, streams }: AppParts): { app: Koa<GatewayState>; router: GatewayRouter } => {
  const app = new Koa<GatewayState>()
  // Errors after the answer has begun, such as a client that left.
  app.on('error', (error: unknown) => logger.debug({ err: error }, 'connection'))

  app.use(requestId())
  app.use(accessLog(logger))
  app.use(securityHeaders())
  app.use(errorMapping(logger))
  app.use(pathCheck())
  app.use(hostGuard({ boundHost: config.HOST, allowedHosts: entriesOf(config.BRIDGE_ALLOWED_HOSTS) }))
  app.use(originGuard(entriesOf(config.BRIDGE_ALLOWED_ORIGINS)))
  app.use(contentTypeCheck())
  app.use(jsonBody(config.BRIDGE_MAX_BODY_BYTES))

  const { router, mount } = createRouter()
  healthRoutes(mount, health)
  watchRoutes(mount, bus)
  sessionRoutes(mount, bus)
  laneFlowRoutes(mount, bus)
  laneRoutes(mount, bus)
  approvalRoutes(mount, bus)
  webhookRoutes(mount, bus)
  workflowRoutes(mount, bus)
  codexRoutes(mount, bus)
  threadRoutes(mount, bus)
  debugRoutes(mount, bus)
  eventRoutes(mount, streams)
  openapiRoutes(mount)
  asyncapiRoutes(mount)
  app.use(router.routes() as unknown as GatewayMiddleware)
  app.use(unmatched(router))
  return { app, router }
}

/** Refuses targets that are no path or do not decode, before anything is matched against them. */
const pathCheck = (): GatewayMiddleware => (ctx, next) => {
  try {
    if (typeof ctx.path !== 'string') throw new URIError('no path')
    decodeURIComponent(ctx.path)
  } catch {
    throw new BridgeError('validation_error', 'The path does not decode', { details: [{ path: '/', message: 'bad percent-encoding' }] })
  }
  return next()
}

/** Reached when no route took the request. */
const unmatched =
  (router: GatewayRouter): GatewayMiddleware =>
  (ctx) => {
    const methods = methodsFor(router, ctx.path)
    if (methods.length === 0) throw new BridgeError('route_not_found')
    ctx.set('Allow', [...methods, 'OPTIONS'].join(', '))
    if (ctx.method !== 'OPTIONS') throw new BridgeError('method_not_allowed')
    ctx.status = 204
  }
