import { matchesAnyPattern, matchesScope, type Scope } from '@codex-bridge/contracts'
import type { StreamEvent } from './frame.ts'

/** Which events a client receives, in the terms of webhook subscriptions. An empty list matches everything. */
export type StreamFilter = { types: readonly string[]; scope: Scope; deltas: boolean }

const sizeOf = (list: readonly string[] | undefined): number => list?.length ?? 0

/** Compiles a filter to a predicate. It parses the event only if the filter names threads or sessions. */
export const compileFilter = ({ types, scope }: StreamFilter): ((event: StreamEvent) => boolean) => {
  const laneIds = sizeOf(scope.laneIds) > 0 ? new Set(scope.laneIds) : undefined
  const needsBody = sizeOf(scope.threadIds) > 0 || sizeOf(scope.sessionIds) > 0
  const allTypes = types.length === 0 || types.includes('*')
  return (event) =>
    (laneIds === undefined || laneIds.has(event.laneId)) &&
    (allTypes || matchesAnyPattern(types, event.type)) &&
    (!needsBody || matchesScope(scope, event.context))
}

/** True if the filter admits a delta of a lane. Deltas have no event type, so `types` does not apply. */
export const admitsDelta = ({ deltas, scope }: StreamFilter, laneId: string, delta: Record<string, unknown>): boolean => {
  if (!deltas) return false
  const threadId = typeof delta['threadId'] === 'string' ? delta['threadId'] : null
  // A delta comes from a live session, and the id of a session is that of its lane.
  return matchesScope(scope, { laneId, threadId, sessionId: laneId })
}

/** The lane, if the filter names exactly one: the log can then be read by lane. */
export const onlyLaneOf = ({ scope }: StreamFilter): string | undefined => (scope.laneIds?.length === 1 ? scope.laneIds[0] : undefined)
