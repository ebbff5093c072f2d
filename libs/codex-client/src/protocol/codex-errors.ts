import { BridgeError } from '@codex-bridge/contracts'
import { RpcError } from '../rpc/rpc-errors.ts'

type Entry = {
  /** Matches Codex's message. */
  pattern: RegExp
  /** What it tells the bridge. */
  meaning: string
  /** Versions of Codex whose message was seen to match. */
  seen: string
}

/**
 * Codex answers nearly every refusal with code -32600, so only the message tells them apart. This is the one place that knows
 * the messages; a new version of Codex is checked against it.
 */
export const CODEX_ERRORS = {
  no_rollout: {
    pattern: /^no rollout found\b/i,
    meaning: 'The thread id is unknown, or nothing of the thread is stored yet, as before its first turn',
    seen: '0.130, 0.147, 0.169',
  },
  no_archived_rollout: {
    pattern: /^no archived rollout found\b/i,
    meaning: 'The thread is not among the archived ones',
    seen: '0.169',
  },
  active_writer: {
    pattern: /\bactive writer\b/i,
    meaning: 'Another process has the thread loaded and holds its writer lock',
    seen: '0.147, 0.169',
  },
  archived: {
    pattern: /^session \S+ is archived\b/i,
    meaning: 'The thread must be unarchived first',
    seen: '0.169',
  },
  thread_not_found: {
    pattern: /^thread not found/i,
    meaning: 'The process does not have the thread loaded; archiving a thread unloads it',
    seen: '0.169',
  },
  thread_not_loaded: {
    pattern: /^thread not loaded/i,
    meaning: 'The process does not have the thread loaded, and nothing of it is stored',
    seen: '0.130, 0.169',
  },
  invalid_thread_id: {
    pattern: /invalid (thread|session) id/i,
    meaning: 'The id is not one that Codex makes',
    seen: '0.169',
  },
  no_active_turn: {
    pattern: /no active turn/i,
    meaning: 'No turn runs; before 0.169 also for a moment after turn/start',
    seen: '0.130, 0.147, 0.169',
  },
  turn_mismatch: {
    pattern: /expected active turn/i,
    meaning: 'Another turn than the expected one runs',
    seen: '0.169',
  },
  no_turns_stored: {
    pattern: /list_turns is not supported yet/i,
    meaning: 'There are no turns to list, because nothing of the thread is stored yet',
    seen: '0.169',
  },
  legacy_thread: {
    pattern: /paginated/i,
    meaning: 'The thread is stored in the older form, which thread/revert does not take',
    seen: '0.169',
  },
} as const satisfies Record<string, Entry>

export type CodexErrorKind = keyof typeof CODEX_ERRORS

const ENTRIES = Object.entries(CODEX_ERRORS) as [CodexErrorKind, Entry][]

/** Codex's own message: an answer to a request, here or as another service passed it on. */
const messageOf = (error: unknown): string | undefined =>
  error instanceof RpcError || (error instanceof BridgeError && error.code === 'codex_error') ? error.message : undefined

/** What a refusal by Codex means. @returns `other` for unknown messages and for errors that are no answer of Codex */
export const codexErrorKind = (error: unknown): CodexErrorKind | 'other' => {
  const message = messageOf(error)
  return (message !== undefined && ENTRIES.find(([, { pattern }]) => pattern.test(message))?.[0]) || 'other'
}

/**
 * Whether Codex has no such method; nothing was executed then.
 *
 * Codex answers -32600 ``Invalid request: unknown variant `x`, expected one of …`` (0.98 to 0.169). The variant must be the method
 * itself, because a bad enum value in the parameters produces the same sentence. -32601 alone proves nothing: Codex also uses
 * it for "not supported yet" on known methods.
 */
export const isUnknownMethod = (error: unknown, method: string): boolean => {
  const message = messageOf(error)
  if (message === undefined) return false
  const variant = /unknown variant `([^`]*)`/.exec(message)?.[1]
  return variant === undefined ? /^method not found\b/i.test(message) : variant === method
}

/** Why a thread cannot be used for now. */
export type Unready = 'no_rollout' | 'active_writer' | 'archived'

/** What a client can do about it. */
export const UNREADY_OFFERS: Readonly<Record<Unready, readonly string[]>> = {
  no_rollout: ['wait until the thread had its first turn', 'start a new thread'],
  active_writer: ['wait until the other process lets go', 'fork the thread', 'follow it read-only'],
  archived: ['unarchive the thread'],
}

/** Whether a refusal to load a thread is one of the known reasons. */
export const isUnready = (kind: string): kind is Unready => Object.hasOwn(UNREADY_OFFERS, kind)
