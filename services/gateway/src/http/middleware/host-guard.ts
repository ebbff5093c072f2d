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

/** The lower-case host name or address of a Host header, without the port; undefined if malformed. */
export const hostNameOf = (header: string): string | undefined => {
  const name = HOST_HEADER.exec(header)?.[1]
  return name === undefined ? undefined : bare(name)
}

/**
 * True if the Host header names this bridge. With a wildcard bind, the address that the connection arrived on is accepted too: DNS
 * rebinding works with names, not with addresses.
 */
export const isHostAllowed = (header: string, rules: HostRules, localAddress?: string): boolean => {
  const name = hostNameOf(header)
  if (name === undefined) return false
  if (isLoopback(name)) return true
  if (rules.allowedHosts.some((allowed) => bare(allowed) === name)) return true
  if (!WILDCARDS.has(rules.boundHost)) return bare(rules.boundHost) === name
  return localAddress !== undefined && bare(localAddress.replace(/^::ffff:/, '')) === name
}

/** Guards against DNS rebinding: a page whose name was rebound to this address still sends its own name. */
export const hostGuard =
  (rules: HostRules): GatewayMiddleware =>
  (ctx, next) => {
    if (!isHostAllowed(ctx.req.headers.host ?? '', rules, ctx.req.socket.localAddress)) {
      throw new BridgeError('host_forbidden', 'The Host header is not one this bridge serves. To allow it, add it to BRIDGE_ALLOWED_HOSTS')
    }
    return next()
  }
