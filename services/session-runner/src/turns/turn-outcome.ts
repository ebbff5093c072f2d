import type { StatusReason, TurnStatus } from '@codex-bridge/contracts'

type CodexTurn = { status?: unknown; error?: unknown; items?: unknown; durationMs?: unknown }

/** Codex's turn status in ours; whatever is unknown counts as failed, never as completed. */
export const turnStatusOf = (turn: CodexTurn): TurnStatus =>
  turn.status === 'completed' || turn.status === 'interrupted' ? turn.status : 'failed'

/**
 * The error of a failed turn as a code and a message. `codexErrorInfo` is an open union: a string or an object with one key.
 * The codes that mean "cannot go on without an outside change" are named; the rest become `turn_failed`.
 */
export const turnErrorOf = (error: unknown): StatusReason | null => {
  if (error === null || typeof error !== 'object') return null
  const { message, codexErrorInfo, additionalDetails } = error as Record<string, unknown>
  const info =
    typeof codexErrorInfo === 'string'
      ? codexErrorInfo
      : codexErrorInfo && typeof codexErrorInfo === 'object'
        ? Object.keys(codexErrorInfo)[0]
        : undefined
  const code = info === 'usageLimitExceeded' ? 'usage_limit' : unauthorized(codexErrorInfo, message) ? 'login_required' : 'turn_failed'
  return {
    code,
    message: typeof message === 'string' ? message : 'The turn failed',
    details: { codexErrorInfo: codexErrorInfo ?? null, additionalDetails: additionalDetails ?? null },
  }
}

/** Until 0.154 or so the status was only in the message. */
const unauthorized = (info: unknown, message: unknown): boolean => {
  if (info === 'unauthorized') return true
  if (info === 'other' && typeof message === 'string' && message.startsWith('unexpected status 401 ')) return true
  const failed = (info as { httpConnectionFailed?: { httpStatusCode?: unknown } } | null)?.httpConnectionFailed
  return failed?.httpStatusCode === 401
}

/** The last agent message among a turn's items. */
export const finalMessageOf = (items: unknown): string | null => {
  if (!Array.isArray(items)) return null
  const messages = (items as { type?: unknown; text?: unknown }[]).filter(({ type }) => type === 'agentMessage')
  const last = messages.at(-1)?.text
  return typeof last === 'string' ? last : null
}
