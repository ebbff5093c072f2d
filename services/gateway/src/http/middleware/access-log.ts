import type { Logger } from '@codex-bridge/service-kit'
import type { GatewayMiddleware } from '../gateway-context.ts'

/** Reads slower than this are logged at `info`, in milliseconds. */
const SLOW_READ_MS = 1000

/**
 * Logs one line per request when it ends; an event stream is logged when it closes. The query and the body are never logged.
 * Fast successful reads are frequent and say little, so they are logged at `debug`.
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
