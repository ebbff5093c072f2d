import { BridgeError } from '@codex-bridge/contracts'
import { isLoopback } from '../../config.ts'
import type { GatewayMiddleware } from '../gateway-context.ts'

export type HostRules = { boundHost: string; allowedHosts: readonly string[] }

const HOST_HEADER = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/
const WILDCARDS = new Set(['0.0.0.0', '::', '[::]'])

const bare = (host: string): string =>
  host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')

/** The name or address in a Host header, without its port; undefined for anything that is neither. */
export const hostNameOf = (header: string): string | undefined => {
  const name = HOST_HEADER.exec(header)?.[1]
  return name === undefined ? undefined : bare(name)
}

/**
 * True when the Host header names this bridge. On a wildcard bind the address the connection came in on counts too: an
 * address cannot be rebound, only a name can.
 */
export const isHostAllowed = (header: string, rules: HostRules, localAddress?: string): boolean => {
  const name = hostNameOf(header)
  if (name === undefined) return false
  if (isLoopback(name)) return true
  if (rules.allowedHosts.some((allowed) => bare(allowed) === name)) return true
  if (!WILDCARDS.has(rules.boundHost)) return bare(rules.boundHost) === name
  return localAddress !== undefined && bare(localAddress.replace(/^::ffff:/, '')) === name
}

/** Refuses requests whose Host is not this bridge: a page whose name was rebound to this address sends its own name. */
export const hostGuard =
  (rules: HostRules): GatewayMiddleware =>
  (ctx, next) => {
    if (!isHostAllowed(ctx.req.headers.host ?? '', rules, ctx.req.socket.localAddress)) {
      throw new BridgeError('host_forbidden', 'Host is not one of this bridge; name it in BRIDGE_ALLOWED_HOSTS if it should be')
    }
    return next()
  }
