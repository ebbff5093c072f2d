import type { Version } from '@codex-bridge/bus'
import type { Draft, LaneState, SessionState, ThreadChange, ThreadSeen, ThreadWriter } from '@codex-bridge/contracts'
import { isLive, type LaneAggregates } from '../lanes/lane-view.ts'
import { seenOf, type ThreadFacts, UNTOUCHED } from '../threads/thread-snapshot.ts'

/** One look at a lane's thread and workspace from outside. What could not be seen is undefined and counts as unchanged. */
export type ThreadObservation = {
  /** Null: Codex does not know the thread. */
  facts: ThreadFacts | null
  writer: ThreadWriter | null | undefined
  workspaceMissing: boolean | undefined
  /** Last sign of life of the lane's own session: what the thread went through until then was the bridge's doing. */
  sessionAt: string | null
}

const seconds = (time: string | null): number => (time === null ? 0 : Math.floor(Date.parse(time) / 1000))

/** The session of this incarnation of a lane. */
const sessionOf = ({ lane, session }: LaneAggregates): SessionState | undefined =>
  session?.incarnation === lane.incarnation ? session : undefined

/** Whether a lane has a thread that may change without the bridge: stored, and not in the hands of a live session. */
export const isWatched = (aggregates: LaneAggregates): boolean => {
  const session = sessionOf(aggregates)
  return aggregates.lane.threadId !== null && !isLive(session) && session?.threadStored !== false
}

/**
 * What a look at the thread has to say about its lane.
 * @returns undefined when nothing changed since it was seen last
 */
export const decideObservation = (version: Version<LaneState>, sighting: ThreadObservation, now: string): Draft<'lane'> | undefined => {
  const lane = version.state
  if (!lane || lane.deleted) return
  const before = lane.thread ?? null
  const after: ThreadSeen = {
    ...(sighting.facts ? seenOf(sighting.facts, before) : { ...(before ?? UNTOUCHED), missing: true }),
    ...(sighting.writer !== undefined && { writer: sighting.writer }),
    ...(sighting.workspaceMissing !== undefined && { workspaceMissing: sighting.workspaceMissing }),
  }
  const changes = changesBetween(lane, after, sighting)
  if (changes.length === 0) return
  const state: LaneState = {
    ...lane,
    title: changes.includes('renamed') ? (after.name ?? lane.title) : lane.title,
    branch: changes.includes('branch') ? (after.branch ?? lane.branch) : lane.branch,
    surface: sighting.facts?.surface ?? lane.surface,
    thread: after,
    updatedAt: now,
  }
  const updatedAt = after.updatedAt === null ? null : new Date(after.updatedAt * 1000).toISOString()
  const { title, branch, surface } = state
  return {
    type: 'lane.thread.updated',
    laneId: lane.laneId,
    threadId: lane.threadId,
    sessionId: null,
    payload: { threadId: lane.threadId, changes, updatedAt, thread: after, title, branch, surface },
    state,
  }
}

const changesBetween = (lane: LaneState, after: ThreadSeen, { facts, sessionAt }: ThreadObservation): ThreadChange[] => {
  const before = lane.thread ?? UNTOUCHED
  const changes: ThreadChange[] = []
  const note = (change: ThreadChange, happened: boolean) => {
    if (happened) changes.push(change)
  }
  note('deleted', after.missing && !before.missing)
  if (facts) {
    note('restored', before.missing)
    note('renamed', lane.thread ? after.name !== before.name : isRenamedSinceOurs(lane, after, sessionAt))
    note('branch', Boolean(lane.thread) && after.branch !== before.branch)
    note('archived', after.archived && !before.archived)
    note('unarchived', !after.archived && before.archived)
    const known = Math.max(before.updatedAt ?? seconds(lane.createdAt), seconds(sessionAt))
    // Codex dates a thread anew when it is unarchived; nobody drove it for that.
    note('activity', (after.updatedAt ?? 0) > known && !changes.includes('unarchived'))
  }
  note('writer_taken', after.writer !== null && after.writer.pid !== before.writer?.pid)
  note('writer_freed', after.writer === null && before.writer !== null)
  note('workspace_missing', after.workspaceMissing && !before.workspaceMissing)
  note('workspace_restored', !after.workspaceMissing && before.workspaceMissing)
  return changes
}

/** A thread seen for the first time: only one that a session of ours named by the lane's title can have been renamed since. */
const isRenamedSinceOurs = (lane: LaneState, after: ThreadSeen, sessionAt: string | null): boolean =>
  sessionAt !== null && lane.title !== null && after.name !== null && after.name !== lane.title
