import { lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { SingleFlight } from '@codex-bridge/platform'
import { Agent } from 'undici'
import { isPermittedAddress, type Network, UNREACHABLE } from './address-policy.ts'

export type ResolvedAddress = { address: string; family: number }

/** All addresses a name resolves to now. */
export type Resolve = (hostname: string) => Promise<ResolvedAddress[]>

/**
 * Uses the system's resolver, which blocks one of the few threads of the pool. Concurrent lookups of the same name share one
 * call, so that a name whose servers are dead holds one thread and not all of them.
 */
const sharedResolver = (): Resolve => {
  const lookups = new SingleFlight<string, ResolvedAddress[]>()
  return (hostname) =>
    lookups.run(
      hostname,
      () =>
        new Promise((resolve, reject) => {
          systemLookup(hostname, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)))
        }),
    )
}

/**
 * The lookup of a connection. The connection goes to exactly the addresses that were checked, so changing a name in between
 * (DNS rebinding) achieves nothing. One refused address refuses the name. Never called for an address literal.
 */
const guardedLookup =
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
 * The HTTP client of all deliveries. No proxy and no redirects. No connection limit either: a shared pool would let one hung
 * endpoint starve the others, and each subscription limits its own attempts.
 */
export const createAgent = (options: { allowed: readonly Network[]; timeoutMs: number; resolve?: Resolve }): Agent =>
  new Agent({
    connect: { timeout: options.timeoutMs, lookup: guardedLookup(options.resolve ?? sharedResolver(), options.allowed) },
    // The deadline of an attempt is its abort signal. These timeouts would restart with every chunk.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: 16_384,
    pipelining: 1,
  })
