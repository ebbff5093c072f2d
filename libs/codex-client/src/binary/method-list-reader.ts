import { isUnknownMethod } from '../protocol/codex-errors.ts'
import type { RpcError } from '../rpc/rpc-errors.ts'
import type { RpcPeer } from '../rpc/rpc-peer.ts'

/** A name no version of codex has a method for: asking for it does nothing. */
const NO_METHOD = 'codex-bridge/methods'

/**
 * Asks a server which methods it has. There is no call for that, but its refusal of an unknown method names them all (seen from
 * 0.98 to 0.169).
 * @returns undefined when the refusal does not name them. They are not tried one by one then: a version that is lenient about
 *   missing parameters would carry them out.
 * @throws RpcError for another refusal, RpcClosedError, RpcTimeoutError
 */
export const readMethods = async (peer: Pick<RpcPeer, 'request'>): Promise<ReadonlySet<string> | undefined> => {
  try {
    await peer.request(NO_METHOD, {})
    return
  } catch (error) {
    if (!isUnknownMethod(error, NO_METHOD)) throw error
    return parseMethodList((error as RpcError).message)
  }
}

/** The methods named in ``unknown variant `x`, expected one of `a`, `b` ``. Undefined for a list that cannot be whole. */
export const parseMethodList = (message: string): ReadonlySet<string> | undefined => {
  const list = /expected one of (.+)$/s.exec(message)?.[1] ?? ''
  const methods = new Set([...list.matchAll(/`([^`]+)`/g)].map(([, method]) => method as string))
  // Whatever a version can do, it can be initialised: without it this is the list of something else.
  return methods.has('initialize') ? methods : undefined
}
