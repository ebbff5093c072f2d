import { BridgeError } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import Koa from 'koa'
import { entriesOf, type GatewayConfig } from './config.ts'
import type { GatewayMiddleware, GatewayState } from './http/gateway-context.ts'
import { accessLog } from './http/middleware/access-log.ts'
import { errorMapping } from './http/middleware/error-responder.ts'
import { hostGuard } from './http/middleware/host-guard.ts'
import { contentTypeCheck, jsonBody } from './http/middleware/json-body.ts'
import { originGuard } from './http/middleware/origin-guard.ts'
import { requestId } from './http/middleware/request-id.ts'
import { securityHeaders } from './http/middleware/security-headers.ts'
import { type GatewayRouter, methodsFor } from './http/router.ts'

/** The HTTP application: the middleware in order, then the routes. */
export const createApp = (config: GatewayConfig, logger: Logger, router: GatewayRouter): Koa<GatewayState> => {
  const app = new Koa<GatewayState>()
  // Errors after the response has started, such as a client that disconnected.
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
  app.use(router.routes())
  app.use(unmatched(router))
  return app
}

/** Rejects request targets that are not a path or do not decode, before any path is matched. */
const pathCheck = (): GatewayMiddleware => (ctx, next) => {
  try {
    if (typeof ctx.path !== 'string') throw new URIError('no path')
    decodeURIComponent(ctx.path)
  } catch {
    throw new BridgeError('validation_error', 'The path is not valid', { details: [{ path: '/', message: 'bad percent-encoding' }] })
  }
  return next()
}

/** Responds when no route matched. */
const unmatched =
  (router: GatewayRouter): GatewayMiddleware =>
  (ctx) => {
    const methods = methodsFor(router, ctx.path)
    if (methods.length === 0) throw new BridgeError('route_not_found')
    ctx.set('Allow', [...methods, 'OPTIONS'].join(', '))
    if (ctx.method !== 'OPTIONS') throw new BridgeError('method_not_allowed')
    ctx.status = 204
  }
