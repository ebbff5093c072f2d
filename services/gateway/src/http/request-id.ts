import { randomUUID } from 'node:crypto'
import type { GatewayMiddleware } from './gateway-context.ts'

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/

/** Names every request: the caller's `x-request-id` when it is fit for a log line, else a new one. Answers carry it back. */
export const requestId = (): GatewayMiddleware => (ctx, next) => {
  const given = ctx.get('x-request-id')
  ctx.state.requestId = REQUEST_ID.test(given) ? given : `req_${randomUUID()}`
  ctx.set('x-request-id', ctx.state.requestId)
  return next()
}
