import type { GatewayMiddleware } from '../gateway-context.ts'

const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'Cache-Control': 'no-store',
}

/** Responses are data: they must not run scripts, be framed or be cached. Routes that serve a page relax what they need. */
export const securityHeaders = (): GatewayMiddleware => (ctx, next) => {
  ctx.set(HEADERS)
  return next()
}
