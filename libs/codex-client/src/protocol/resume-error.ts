import { RpcError } from '../rpc/rpc-errors.ts'

/**
 * Why `thread/resume` was refused:
 * - `no_rollout`: the id is unknown or nothing is stored yet (a new thread before its first turn): normal, try later
 * - `active_writer`: another process has the thread loaded: wait, fork, or read only
 * - `archived`: unarchive first
 * - `other`: anything else, also errors that are no answer of the server
 */
export type ResumeErrorKind = 'no_rollout' | 'active_writer' | 'archived' | 'other'

const PATTERNS: readonly (readonly [ResumeErrorKind, RegExp])[] = [
  ['no_rollout', /^no rollout found\b/i],
  ['active_writer', /\balready has an active writer\b/i],
  ['archived', /^session \S+ is archived\b/i],
]

/** Classifies an error of `thread/resume`. All known cases share code -32600, so the text decides (seen with 0.169.0). */
export function classifyResumeError(error: unknown): ResumeErrorKind {
  if (!(error instanceof RpcError)) {
    return 'other'
  }
  return PATTERNS.find(([, pattern]) => pattern.test(error.message))?.[0] ?? 'other'
}

/**
 * True when the server does not know the method that was called.
 *
 * codex answers -32600 ``Invalid request: unknown variant `x`, expected one of …`` (seen from 0.98 to 0.169). The variant must be
 * the method itself: a bad enum value inside the params produces the same sentence. -32601 alone proves nothing, codex uses it
 * for "not supported yet" on known methods; only its standard text counts.
 */
export function isUnknownMethod(error: unknown): boolean {
  if (!(error instanceof RpcError)) {
    return false
  }
  const variant = /unknown variant `([^`]*)`/.exec(error.message)?.[1]
  if (variant !== undefined) {
    return variant === error.method
  }
  return /^method not found\b/i.test(error.message)
}
