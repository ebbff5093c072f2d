import type { IncomingHttpHeaders } from 'node:http'
import { BridgeError } from '@codex-bridge/contracts'
import type { GatewayMiddleware } from '../gateway-context.ts'

const PREFLIGHT_SECONDS = '600'
const ALLOWED_METHODS = 'GET, POST, PATCH, DELETE'
const ALLOWED_HEADERS = 'content-type, idempotency-key, last-event-id, x-request-id'
const EXPOSED_HEADERS = 'x-command-id, x-request-id, retry-after'

/** `absent`: not sent by a web page. `same`: a page of this bridge. `listed`: a page of an allowed origin. */
export type OriginVerdict = 'absent' | 'same' | 'listed' | 'foreign'

/** Classifies the sender of a request by `Origin`, or by `Sec-Fetch-Site` if there is no Origin. */
export const judgeOrigin = (headers: IncomingHttpHeaders, method: string, allowedOrigins: readonly string[]): OriginVerdict => {
  const { origin } = headers
  if (origin !== undefined) {
    if (allowedOrigins.includes(origin)) return 'listed'
    return isSameOrigin(origin, headers.host ?? '') && headers['sec-fetch-site'] !== 'cross-site' ? 'same' : 'foreign'
  }
  if (headers['sec-fetch-site'] !== 'cross-site') return 'absent'
  // Following a link is harmless: the linking page cannot read the response, and a read changes nothing.
  const isNavigation = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
  return isNavigation && (method === 'GET' || method === 'HEAD') ? 'absent' : 'foreign'
}

const isSameOrigin = (origin: string, host: string): boolean => {
  try {
    const { protocol, host: named } = new URL(origin)
    return (protocol === 'http:' || protocol === 'https:') && new URL(`${protocol}//${host}`).host === named
  } catch {
    return false
  }
}

/** Rejects requests from foreign pages and answers CORS preflights of allowed origins. */
export const originGuard =
  (allowedOrigins: readonly string[]): GatewayMiddleware =>
  (ctx, next) => {
    const verdict = judgeOrigin(ctx.req.headers, ctx.method, allowedOrigins)
    ctx.vary('Origin')
    if (verdict === 'foreign') throw new BridgeError('origin_forbidden')
    if (verdict === 'listed') {
      ctx.set('Access-Control-Allow-Origin', ctx.get('origin'))
      ctx.set('Access-Control-Expose-Headers', EXPOSED_HEADERS)
      if (ctx.method === 'OPTIONS' && ctx.get('access-control-request-method') !== '') {
        ctx.set('Access-Control-Allow-Methods', ALLOWED_METHODS)
        ctx.set('Access-Control-Allow-Headers', ALLOWED_HEADERS)
        ctx.set('Access-Control-Max-Age', PREFLIGHT_SECONDS)
        ctx.status = 204
        return
      }
    }
    return next()
  }
