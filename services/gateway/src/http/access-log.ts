import type { Logger } from '@codex-bridge/service-kit'
import type { GatewayMiddleware } from './gateway-context.ts'

/** A read that took longer is worth a line at the usual level, in milliseconds. */
const SLOW_READ_MS = 1000

/**
 * One line per request, when it is over; for an event stream that is when the stream ends. Never the query or a body. Reads that
 * succeed at once are many and tell little: they are for the level `debug`.
 */
export const accessLog =
  (logger: Logger): GatewayMiddleware =>
  async (ctx, next) => {
    const started = performance.now()
    try {
      await next()
    } finally {
      const ms = Math.round((performance.now() - started) * 10) / 10
      const status = ctx.res.headersSent ? ctx.res.statusCode : ctx.status
      const isPlainRead = (ctx.method === 'GET' || ctx.method === 'HEAD') && status < 400 && ms < SLOW_READ_MS
      logger[isPlainRead ? 'debug' : 'info']({ requestId: ctx.state.requestId, method: ctx.method, path: ctx.path, status, ms }, 'request')
    }
  }
