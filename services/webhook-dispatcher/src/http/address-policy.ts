import { isIP } from 'node:net'
import type { Problem } from '@codex-bridge/contracts'
import ipaddr from 'ipaddr.js'

/** A CIDR block that may be reached although it is not public. */
export type Network = ReturnType<typeof ipaddr.parseCIDR>

/** Reported for a refused address and for one that does not answer alike, so that a network cannot be probed. */
export const UNREACHABLE = 'The endpoint cannot be reached'

/** Public according to the range tables, but refused: the address of Azure's platform services. */
const NEVER = new Set(['168.63.129.16'])

/** The only IPv6 block assigned for public use. Everything else is special, deprecated or unassigned. */
const GLOBAL_IPV6 = ipaddr.parseCIDR('2000::/3')

/** Special blocks inside 2000::/3 that older range tables miss, such as documentation (RFC 9637) and benchmarking. */
const SPECIAL_IPV6 = ['3fff::/20', '2001::/23', '2001:db8::/32', '2002::/16'].map((block) => ipaddr.parseCIDR(block))

/**
 * Parses `127.0.0.0/8,::1/128`; a bare address is a block of one.
 * @throws Error naming the invalid entry
 */
export const parseNetworks = (csv: string): Network[] =>
  csv
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean)
    .map((entry) => {
      const family = isIP(entry)
      const block = family === 0 ? entry : `${entry}/${family === 4 ? 32 : 128}`
      const [address = ''] = block.split('/')
      if (isIP(address) === 0 || !ipaddr.isValidCIDR(block)) throw new Error(`"${entry}" is not an address block such as 10.0.0.0/8`)
      return ipaddr.parseCIDR(block)
    })

/** Why a list of address blocks cannot be parsed; undefined if it can. */
export const networksProblem = (csv: string): string | undefined => {
  try {
    parseNetworks(csv)
    return
  } catch (error) {
    return (error as Error).message
  }
}

/** Whether an address may be connected to: a public unicast address, or one in an allowed network. */
export const isPermittedAddress = (address: string, allowed: readonly Network[]): boolean => {
  if (isIP(address) === 0) return false
  const parsed = ipaddr.parse(address)
  if (allowed.some((network) => network[0].kind() === parsed.kind() && parsed.match(network))) return true
  if (parsed.range() !== 'unicast' || NEVER.has(address)) return false
  return parsed.kind() === 'ipv4' || (parsed.match(GLOBAL_IPV6) && !SPECIAL_IPV6.some((block) => parsed.match(block)))
}

/** The address in a URL with an address literal, without brackets; undefined for a host name. */
export const literalAddress = (url: URL): string | undefined => {
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname
  return isIP(host) === 0 ? undefined : host
}

/**
 * Problems of a URL as a destination. A host name is not resolved here: it may point elsewhere at the time of the delivery,
 * which checks every address it connects to.
 */
export const targetProblems = (text: string, allowed: readonly Network[]): Problem[] => {
  const problem = (message: string): Problem[] => [{ path: '/url', message }]
  if (!URL.canParse(text)) return problem('must be a URL')
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return problem('must be an http or https URL')
  if (url.username || url.password) return problem('must not carry a user name or password')
  const literal = literalAddress(url)
  return literal !== undefined && !isPermittedAddress(literal, allowed) ? problem(UNREACHABLE) : []
}
