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

/** Answers are data: nothing in them may run, be framed or be kept. Routes that serve pages loosen what they need. */
export const securityHeaders = (): GatewayMiddleware => (ctx, next) => {
  ctx.set(HEADERS)
  return next()
}
