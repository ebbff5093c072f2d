import { BridgeError } from '@codex-bridge/contracts'

type Rule = { says: RegExp; means: (message: string, threadId: unknown) => BridgeError }

const blocked = (reason: string, offers: string[]) => (message: string, threadId: unknown) =>
  new BridgeError('readiness_blocked', message, { details: { reason, threadId, offers } })

/** Codex has one error code for most refusals; only the words tell them apart. */
const RULES: readonly Rule[] = [
  {
    says: /^(thread not (loaded|found)|no (archived )?rollout found)|invalid (thread|session) id/i,
    means: (message, threadId) => new BridgeError('thread_not_found', message, { details: { threadId } }),
  },
  {
    says: /active writer/i,
    means: blocked('active_writer', ['wait until the other process lets go', 'fork the thread', 'follow it read-only']),
  },
  { says: /^session \S+ is archived/i, means: blocked('archived', ['unarchive the thread']) },
  { says: /no active turn/i, means: (message) => new BridgeError('no_active_turn', message) },
  { says: /expected active turn/i, means: (message) => new BridgeError('turn_mismatch', message) },
]

/** A refusal of Codex as the code the API has for it; anything else as it is. */
export const threadError = (error: unknown, threadId: unknown): unknown => {
  if (!(error instanceof BridgeError) || error.code !== 'codex_error') return error
  const { message } = error
  return RULES.find(({ says }) => says.test(message))?.means(message, threadId ?? null) ?? error
}

/** True when Codex has no turns to list because nothing of the thread is stored yet. */
export const hasNoTurnsYet = (error: unknown): boolean =>
  error instanceof BridgeError && error.code === 'codex_error' && /list_turns is not supported yet/i.test(error.message)

/** True when Codex keeps the thread in its older form, which cannot be reverted. */
export const isLegacyThread = (error: unknown): boolean =>
  error instanceof BridgeError && error.code === 'codex_error' && /paginated/i.test(error.message)

/** True when this Codex has no such method; nothing was done then. */
export const isUnknownTo = (error: unknown, method: string): boolean =>
  error instanceof BridgeError && error.code === 'codex_error' && error.message.includes(`unknown variant \`${method}\``)

/** A thread that no method of this Codex can roll back; a copy can be cut. */
export const legacyThread = (threadId: string, beforeTurnId: string): BridgeError =>
  new BridgeError('codex_error', 'This thread was made by an older Codex and cannot be rolled back in place', {
    details: { threadId, offer: { method: 'POST', path: `/codex/threads/${threadId}/fork`, body: { beforeTurnId } } },
  })
