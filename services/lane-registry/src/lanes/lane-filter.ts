import type { Lane, LaneFilter } from '@codex-bridge/contracts'

/** Whether a lane passes every condition of a filter. */
export const passesFilter = (lane: Lane, filter: LaneFilter): boolean => {
  const { statuses, projectId, threadId, q, updatedSince } = filter
  if (statuses && !statuses.includes(lane.status)) return false
  if (projectId !== undefined && lane.projectId !== projectId) return false
  if (threadId !== undefined && lane.threadId !== threadId) return false
  if (updatedSince !== undefined && Date.parse(lane.updatedAt) < Date.parse(updatedSince)) return false
  if (q === undefined) return true
  const wanted = q.toLowerCase()
  return [lane.laneId, lane.title, lane.repoRoot, lane.projectId].some((text) => text?.toLowerCase().includes(wanted))
}
