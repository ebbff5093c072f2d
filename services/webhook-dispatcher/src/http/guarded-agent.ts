import { lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { Agent } from 'undici'
import { isPermittedAddress, type Network, UNREACHABLE } from './address-policy.ts'

export type ResolvedAddress = { address: string; family: number }

/** Every address a name has now. */
export type Resolve = (hostname: string) => Promise<ResolvedAddress[]>

/**
 * Asks the system's resolver, which blocks one of the few threads of the pool for as long as it takes: asks for the same
 * name at the same time share one call, so that a name whose servers are dead holds one thread and not all of them.
 */
export const sharedResolver = (): Resolve => {
  const asking = new Map<string, Promise<ResolvedAddress[]>>()
  return (hostname) => {
    const known = asking.get(hostname)
    if (known) return known
    const asked = new Promise<ResolvedAddress[]>((resolve, reject) => {
      systemLookup(hostname, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)))
    }).finally(() => asking.delete(hostname))
    asking.set(hostname, asked)
    return asked
  }
}

/**
 * The lookup of a connection: it goes to exactly the addresses that were checked, so a name that changes in between (DNS
 * rebinding) gains nothing. One refused address refuses the name. Never called for an address literal.
 */
export const guardedLookup =
  (resolve: Resolve, allowed: readonly Network[]): LookupFunction =>
  (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const [first] = addresses
        if (!first || addresses.some(({ address }) => !isPermittedAddress(address, allowed))) callback(new Error(UNREACHABLE), '', 0)
        else if (options.all) callback(null, addresses)
        else callback(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => callback(error, '', 0),
    )
  }

/**
 * The one HTTP client of all deliveries. No proxy, no redirects, a connection limit for nobody: sockets shared between
 * subscriptions would let a hanging one starve the others, and each subscription bounds itself.
 */
export const createAgent = (options: { allowed: readonly Network[]; timeoutMs: number; resolve?: Resolve }): Agent =>
  new Agent({
    connect: { timeout: options.timeoutMs, lookup: guardedLookup(options.resolve ?? sharedResolver(), options.allowed) },
    // The one deadline of an attempt is its abort signal; these would only restart with every chunk.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: 16_384,
    pipelining: 1,
  })
