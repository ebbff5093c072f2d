import { Router } from '@koa/router'
import type { BusGateway } from '../bus/bus-gateway.ts'
import type { GatewayState } from './gateway-context.ts'
import type { Route } from './route.ts'

export type GatewayRouter = Router<GatewayState>

/** Mounts routes. Where two paths match, the literal one wins over the parameter: `/lanes/sessions` is not a lane. */
export const createRouter = (routes: readonly Route[], bus: BusGateway): GatewayRouter => {
  const router: GatewayRouter = new Router<GatewayState>({ sensitive: true })
  for (const { method, path, handle } of [...routes].sort(byPrecedence)) {
    router[method](path.replaceAll(/\{(\w+)\}/g, ':$1'), (ctx) => handle(ctx, bus))
  }
  return router
}

/** `~` sorts after every character of a literal segment. */
const byPrecedence = (left: Route, right: Route): number => compare(precedence(left), precedence(right))
const compare = (left: string, right: string): number => (left === right ? 0 : left < right ? -1 : 1)
const precedence = ({ path }: Route): string => path.replaceAll(/\{\w+\}/g, '~')

/** The methods of the routes that match a path; empty if none does. */
export const methodsFor = (router: GatewayRouter, path: string): string[] => [
  ...new Set(router.stack.filter((layer) => layer.methods.length > 0 && layer.match(path)).flatMap((layer) => layer.methods)),
]
