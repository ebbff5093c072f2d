import { isUnknownMethod } from '../protocol/codex-errors.ts'
import type { RpcError } from '../rpc/rpc-errors.ts'
import type { RpcPeer } from '../rpc/rpc-peer.ts'

/** No version of codex has this method, so calling it does nothing. */
const NO_METHOD = 'codex-bridge/methods'

/**
 * Asks a server for its methods. There is no call for that, but the refusal of an unknown method names them all (seen from 0.98 to
 * 0.169).
 * @returns undefined when the refusal does not name them. They are not tried one by one, because a version that accepts missing
 *   parameters would carry them out.
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

/** The methods named in ``unknown variant `x`, expected one of `a`, `b` ``. Undefined for a list that cannot be complete. */
export const parseMethodList = (message: string): ReadonlySet<string> | undefined => {
  const list = /expected one of (.+)$/s.exec(message)?.[1] ?? ''
  const methods = new Set([...list.matchAll(/`([^`]+)`/g)].map(([, method]) => method as string))
  // Every version can be initialised, so without that this is a list of something else.
  return methods.has('initialize') ? methods : undefined
}
