import { matchesAnyPattern, matchesScope, type Scope } from '@codex-bridge/contracts'
import type { StreamEvent } from './frame.ts'

/** What a client wants to see, in the language of webhooks. Empty lists do not restrict. */
export type StreamFilter = { types: readonly string[]; scope: Scope; deltas: boolean }

const sizeOf = (list: readonly string[] | undefined): number => list?.length ?? 0

/** A test for one client's filter; reads the event's body only when a thread or session is asked for. */
export const compileFilter = ({ types, scope }: StreamFilter): ((event: StreamEvent) => boolean) => {
  const laneIds = sizeOf(scope.laneIds) > 0 ? new Set(scope.laneIds) : undefined
  const needsBody = sizeOf(scope.threadIds) > 0 || sizeOf(scope.sessionIds) > 0
  const allTypes = types.length === 0 || types.includes('*')
  return (event) =>
    (laneIds === undefined || laneIds.has(event.laneId)) &&
    (allTypes || matchesAnyPattern(types, event.type)) &&
    (!needsBody || matchesScope(scope, event.context))
}

/** Whether a delta of a lane is for this client. Deltas name no event type, so `types` does not apply to them. */
export const admitsDelta = ({ deltas, scope }: StreamFilter, laneId: string, delta: Record<string, unknown>): boolean => {
  if (!deltas) return false
  const threadId = typeof delta['threadId'] === 'string' ? delta['threadId'] : null
  // A delta comes from a live session, whose id is the lane's.
  return matchesScope(scope, { laneId, threadId, sessionId: laneId })
}

/** The one lane a filter is about, if it is about one: the log can be read by lane. */
export const onlyLaneOf = ({ scope }: StreamFilter): string | undefined => (scope.laneIds?.length === 1 ? scope.laneIds[0] : undefined)
