import type { Logger } from '@codex-bridge/service-kit'
import type { GatewayMiddleware } from './gateway.context.ts'

/** One line per request, when it is over; for an event stream that is when the stream ends. Never the query or a body. */
export const accessLog =
  (logger: Logger): GatewayMiddleware =>
  async (ctx, next) => {
    const started = performance.now()
    try {
      await next()
    } finally {
      const ms = Math.round((performance.now() - started) * 10) / 10
      const status = ctx.res.headersSent ? ctx.res.statusCode : ctx.status
      logger.info({ requestId: ctx.state.requestId, method: ctx.method, path: ctx.path, status, ms }, 'request')
    }
  }
