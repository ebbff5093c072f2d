import { type CodexTurn, isObject } from '@codex-bridge/codex-client'
import type { StatusReason, TurnStatus } from '@codex-bridge/contracts'

/** Codex's turn status in the bridge's terms. An unknown one counts as failed, never as completed. */
export const turnStatusOf = ({ status }: CodexTurn): TurnStatus => (status === 'completed' || status === 'interrupted' ? status : 'failed')

/**
 * The error of a failed turn as a code and a message. The codes that mean "cannot continue without an outside change" have their own
 * name; the rest become `turn_failed`.
 */
export const turnErrorOf = (error: CodexTurn['error']): StatusReason | null => {
  if (!isObject(error)) return null
  const { message, codexErrorInfo, additionalDetails } = error
  const text = typeof message === 'string' ? message : 'The turn failed'
  return {
    code: codeOf(codexErrorInfo, text),
    message: text,
    details: { codexErrorInfo: codexErrorInfo ?? null, additionalDetails: additionalDetails ?? null },
  }
}

/** `codexErrorInfo` is an open union: a string, or an object with one key. */
const codeOf = (info: unknown, message: string): string => {
  const name = isObject(info) ? Object.keys(info)[0] : info
  if (name === 'usageLimitExceeded') return 'usage_limit'
  return isUnauthorized(info, message) ? 'login_required' : 'turn_failed'
}

/** Until about 0.154 the status was only in the message. */
const isUnauthorized = (info: unknown, message: string): boolean => {
  if (info === 'unauthorized') return true
  if (info === 'other' && message.startsWith('unexpected status 401 ')) return true
  const failed = isObject(info) ? info['httpConnectionFailed'] : undefined
  return isObject(failed) && failed['httpStatusCode'] === 401
}

/** The last agent message among a turn's items. Versions differ in whether a completed turn contains its items. */
export const finalMessageOf = (items: CodexTurn['items']): string | null => {
  if (!Array.isArray(items)) return null
  const last = items.findLast(({ type }) => type === 'agentMessage')
  return last?.type === 'agentMessage' && typeof last.text === 'string' ? last.text : null
}
