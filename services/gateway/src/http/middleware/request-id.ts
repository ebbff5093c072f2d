import { randomUUID } from 'node:crypto'
import type { GatewayMiddleware } from '../gateway-context.ts'

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/

/** Identifies the request: the client's `x-request-id` if it is safe to log, otherwise a new id. The response repeats it. */
export const requestId = (): GatewayMiddleware => (ctx, next) => {
  const given = ctx.get('x-request-id')
  ctx.state.requestId = REQUEST_ID.test(given) ? given : `req_${randomUUID()}`
  ctx.set('x-request-id', ctx.state.requestId)
  return next()
}
