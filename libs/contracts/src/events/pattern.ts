import type { Scope, ScopeInput } from '../webhooks/webhook.ts'

/**
 * The pattern language of webhooks and SSE filters: an exact type, `*` for everything, `lane.*` for every type below
 * `lane.` at any depth.
 */
export const matchesPattern = (pattern: string, eventType: string): boolean =>
  pattern === '*' || pattern === eventType || (pattern.endsWith('.*') && eventType.startsWith(pattern.slice(0, -1)))

/** True when any pattern matches; an empty list matches nothing. */
export const matchesAnyPattern = (patterns: readonly string[], eventType: string): boolean =>
  patterns.some((pattern) => matchesPattern(pattern, eventType))

/** What scopes are compared with. */
export type EventContext = { laneId: string; threadId: string | null; sessionId: string | null }

const admits = (allowed: readonly string[] | undefined, value: string | null): boolean =>
  !allowed || allowed.length === 0 || (value !== null && allowed.includes(value))

/** Dimensions are ANDed; a set dimension never matches an event without that context. */
export const matchesScope = (scope: Scope, event: EventContext): boolean =>
  admits(scope.laneIds, event.laneId) && admits(scope.threadIds, event.threadId) && admits(scope.sessionIds, event.sessionId)

const merged = (many: readonly string[] | undefined, one: string | undefined): string[] => [
  ...new Set([...(many ?? []), ...(one === undefined ? [] : [one])]),
]

/** Folds the singular forms of a client's scope into the plural lists. Empty dimensions are dropped. */
export const normalizeScope = (input: ScopeInput | undefined): Scope => {
  const laneIds = merged(input?.laneIds, input?.laneId)
  const threadIds = merged(input?.threadIds, input?.threadId)
  const sessionIds = merged(input?.sessionIds, input?.sessionId)
  return {
    ...(laneIds.length > 0 && { laneIds }),
    ...(threadIds.length > 0 && { threadIds }),
    ...(sessionIds.length > 0 && { sessionIds }),
  }
}

/** Which dimensions a scope restricts, in the contract's words. */
export const scopeKinds = (scope: Scope): ('lane' | 'thread' | 'session')[] => [
  ...(scope.laneIds?.length ? (['lane'] as const) : []),
  ...(scope.threadIds?.length ? (['thread'] as const) : []),
  ...(scope.sessionIds?.length ? (['session'] as const) : []),
]
