import { codexErrorKind, isUnready, UNREADY_OFFERS } from '@codex-bridge/codex-client'
import { BridgeError } from '@codex-bridge/contracts'

/** A refusal by Codex as the API's code for it; any other error unchanged. */
export const threadError = (error: unknown, threadId: unknown): unknown => {
  const kind = codexErrorKind(error)
  const { message } = error as Error
  switch (kind) {
    case 'no_rollout':
    case 'no_archived_rollout':
    case 'thread_not_found':
    case 'thread_not_loaded':
    case 'invalid_thread_id':
      return new BridgeError('thread_not_found', message, { details: { threadId: threadId ?? null } })
    case 'no_active_turn':
    case 'turn_mismatch':
      return new BridgeError(kind, message)
    default:
      if (!isUnready(kind)) return error
      return new BridgeError('readiness_blocked', message, {
        details: { reason: kind, threadId: threadId ?? null, offers: UNREADY_OFFERS[kind] },
      })
  }
}

/** True when Codex has no turns to list because nothing of the thread is stored yet. */
export const hasNoTurnsYet = (error: unknown): boolean => codexErrorKind(error) === 'no_turns_stored'

/** True when Codex stores the thread in its older form, which cannot be reverted. */
export const isLegacyThread = (error: unknown): boolean => codexErrorKind(error) === 'legacy_thread'

/** A thread that no method of this Codex can roll back; a copy can be cut. */
export const legacyThread = (threadId: string, beforeTurnId: string): BridgeError =>
  new BridgeError('codex_error', 'This thread was made by an older Codex and cannot be rolled back in place', {
    details: { threadId, offer: { method: 'POST', path: `/codex/threads/${threadId}/fork`, body: { beforeTurnId } } },
  })
