import type { Middleware, ParameterizedContext } from 'koa'

/** State that the middleware sets for the routes. */
export type GatewayState = {
  requestId: string
  /** The parsed JSON body, not validated; `{}` if the request had none. */
  json: unknown
}

export type GatewayMiddleware = Middleware<GatewayState>

/** A request in a route; `params` are the decoded path parameters. */
export type GatewayContext = ParameterizedContext<GatewayState, { params: Record<string, string> }>
