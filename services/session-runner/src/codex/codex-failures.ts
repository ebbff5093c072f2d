import { RpcError, RpcTimeoutError, UNREADY_OFFERS, type Unready } from '@codex-bridge/codex-client'
import { BridgeError, type ThreadWriter } from '@codex-bridge/contracts'

/** A failed app-server call as an error of the bridge: what Codex answered, or that it did not. */
export const codexError = (error: unknown): BridgeError => {
  if (error instanceof BridgeError) return error
  const { message } = error as Error
  if (error instanceof RpcError) {
    return new BridgeError('codex_error', message, { details: { code: error.code, data: error.data ?? null }, cause: error })
  }
  return new BridgeError(error instanceof RpcTimeoutError ? 'codex_timeout' : 'codex_unavailable', message, { cause: error })
}

/**
 * A thread cannot be loaded: why, and what can be done about it.
 * @param holder who has it open, for `active_writer`; null when that cannot be seen
 */
export const unreadyError = (reason: Unready, threadId: string, message: string, holder: ThreadWriter | null): BridgeError =>
  new BridgeError('readiness_blocked', message, {
    details: { reason, threadId, ...(reason === 'active_writer' && { holder }), offers: UNREADY_OFFERS[reason] },
  })
