import { BridgeError } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import type { GatewayMiddleware } from './gateway-context.ts'

/** Seconds after which a refused request is worth repeating. */
const RETRY_AFTER_SECONDS = 2

/** Turns whatever was thrown into the contract's error body. Unknown failures are logged and keep their text to themselves. */
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
        // Half an answer is out: breaking it off is the only way left to say that it is not whole.
        ctx.respond = false
        ctx.res.destroy()
        return
      }
      ctx.status = error.status
      if (error.status === 503 || error.status === 429) ctx.set('Retry-After', String(RETRY_AFTER_SECONDS))
      ctx.body = { ...error.toBody(), requestId: ctx.state.requestId }
    }
  }
