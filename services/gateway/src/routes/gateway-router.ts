import { Router } from '@koa/router'
import type { BusGateway } from '../bus/bus-gateway.ts'
import type { GatewayContext, GatewayState } from '../http/gateway-context.ts'

export type GatewayRouter = Router<GatewayState>

/** A handler of one route; what it throws becomes the error answer. */
export type RouteHandler = (ctx: GatewayContext) => Promise<void> | void

type Method = 'get' | 'post' | 'patch' | 'delete'

/** Mounts routes: the one place where our context type meets the router's. */
export type Mount = (method: Method, path: string, handler: RouteHandler) => void

/** A file of routes. */
export type RouteModule = (mount: Mount, bus: BusGateway) => void

export const createRouter = (): { router: GatewayRouter; mount: Mount } => {
  const router: GatewayRouter = new Router<GatewayState>({ sensitive: true })
  return {
    router,
    mount: (method, path, handler) => {
      router[method](path, (ctx) => handler(ctx as unknown as GatewayContext))
    },
  }
}

/** Methods the paths of this router take, for a path; empty when it knows none. */
export const methodsFor = (router: GatewayRouter, path: string): string[] => [
  ...new Set(router.stack.filter((layer) => layer.methods.length > 0 && layer.match(path)).flatMap((layer) => layer.methods)),
]
