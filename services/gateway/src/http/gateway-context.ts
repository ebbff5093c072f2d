import type { Middleware, ParameterizedContext } from 'koa'

/** What the middleware leaves for those after it. */
export type GatewayState = {
  requestId: string
  /** The parsed JSON body; `{}` where there was none. Checked against nothing yet. */
  json: unknown
}

export type GatewayMiddleware = Middleware<GatewayState>

/** A request on its way through the gateway; `params` are the decoded parts of the path. */
export type GatewayContext = ParameterizedContext<GatewayState, { params: Record<string, string> }>
