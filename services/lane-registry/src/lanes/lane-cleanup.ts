import type { CleanupBody, CleanupResult, LaneStatus } from '@codex-bridge/contracts'
import { isLive, type LaneAggregates } from './lane-view.ts'

const DEFAULT_STATUSES: LaneStatus[] = ['blocked', 'done', 'failed', 'interrupted']
const DEFAULT_AGE_HOURS = 24
const DEFAULT_LIMIT = 100
const HOUR_MS = 3_600_000

/** Lanes of tests and checks, by the names those give them. */
const isSynthetic = ({ laneId, projectId }: { laneId: string; projectId: string | null }): boolean =>
  [laneId, projectId].some((name) => name !== null && /^(synthetic|smoke|test)-/.test(name))

/** What a cleanup would do, oldest lanes first: pure, so that a dry run and a real one choose alike. */
export const planCleanup = (lanes: LaneAggregates[], body: CleanupBody, nowMs: number): CleanupResult['lanes'] => {
  const statuses = new Set(body.statuses ?? DEFAULT_STATUSES)
  const olderThan = nowMs - (body.olderThanHours ?? DEFAULT_AGE_HOURS) * HOUR_MS
  return lanes
    .filter(({ lane }) => statuses.has(lane.status) && Date.parse(lane.updatedAt) <= olderThan)
    .filter(({ lane }) => body.syntheticOnly !== true || isSynthetic(lane))
    .sort((left, right) => (left.lane.updatedAt < right.lane.updatedAt ? -1 : 1))
    .slice(0, body.limit ?? DEFAULT_LIMIT)
    .map(({ lane, session }) => {
      const busy = isLive(session) && (session?.activeTurn !== null || session.verifying !== null)
      return {
        laneId: lane.laneId,
        status: lane.status,
        updatedAt: lane.updatedAt,
        action: busy ? ('kept' as const) : ('would_delete' as const),
        reason: busy ? 'A turn is running' : null,
      }
    })
}
