import { BridgeError } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import type { GatewayMiddleware } from '../gateway-context.ts'

/** `Retry-After` of 429 and 503, in seconds. */
const RETRY_AFTER_SECONDS = 2

/** Converts anything thrown into an error response. Server errors are logged; the text of unknown errors is never sent. */
export const errorMapping =
  (logger: Logger): GatewayMiddleware =>
  async (ctx, next) => {
    try {
      await next()
    } catch (thrown) {
      const error = BridgeError.from(thrown)
      if (error.status >= 500) {
        logger.error({ requestId: ctx.state.requestId, code: error.code, err: error.cause ?? error }, 'request failed')
      }
      if (ctx.res.headersSent || ctx.respond === false) {
        // Part of the response was sent, so closing the connection is the only way to signal that it is incomplete.
        ctx.respond = false
        ctx.res.destroy()
        return
      }
      ctx.status = error.status
      if (error.status === 503 || error.status === 429) ctx.set('Retry-After', String(RETRY_AFTER_SECONDS))
      ctx.body = { ...error.toBody(), requestId: ctx.state.requestId }
    }
  }
