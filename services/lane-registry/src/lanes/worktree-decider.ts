import type { Version } from '@codex-bridge/bus'
import {
  BridgeError,
  type Draft,
  type LaneCreate,
  type LaneState,
  type LaneWorktree,
  type StartVisible,
  type WorktreeOutcome,
  type WorktreePlan,
} from '@codex-bridge/contracts'
import { nextStatus } from '../status/lane-status.ts'

/** @throws BridgeError `validation_error` when a worktree is asked for together with what excludes it */
export const assertWorktreeRequest = (body: LaneCreate | StartVisible): void => {
  if (body.worktree !== true) return
  const problems = [
    body.repoRoot === undefined && { path: '/repoRoot', message: 'is needed for worktree: true' },
    body.worktreePath !== undefined && { path: '/worktreePath', message: 'names a worktree that is there; worktree: true makes one' },
    body.threadId !== undefined && {
      path: '/worktree',
      message: 'a thread that exists has its work in a folder of its own; name one with worktreePath to move it',
    },
  ].filter((problem) => problem !== false)
  if (problems.length > 0) {
    throw new BridgeError('validation_error', problems.map(({ path, message }) => `${path} ${message}`).join('; '), { details: problems })
  }
}

/** What of a new lane follows from a planned worktree. */
export const fieldsOf = (plan: WorktreePlan): Pick<LaneState, 'branch' | 'worktreePath' | 'worktree'> => ({
  branch: plan.branch,
  worktreePath: plan.path,
  worktree: { ...plan, state: 'requested' },
})

/** The outcome for a worktree nobody could look at. */
export const keptUnseen = ({ path, branch }: LaneWorktree, code: string, message: string): WorktreeOutcome => ({
  path,
  branch,
  removed: false,
  reason: { code, message },
  branchDeleted: false,
  branchReason: null,
})

/**
 * Says that the worktree was made, or is about to be removed.
 * @param from state on which that was decided
 * @returns undefined when the lane has none, is another incarnation, or its worktree is in another state by now
 */
export const decideWorktree = (
  version: Version<LaneState>,
  incarnation: string,
  change: { from: LaneWorktree['state']; to: 'ready' | 'removing' },
  now: string,
): Draft<'lane'> | undefined => {
  const lane = version.state
  if (!lane?.worktree || lane.deleted || lane.incarnation !== incarnation || lane.worktree.state !== change.from) return
  const worktree: LaneWorktree = { ...lane.worktree, state: change.to }
  const next = change.to === 'ready' ? nextStatus(lane, { kind: 'worktree-ready' }, now) : undefined
  const state: LaneState = {
    ...lane,
    worktree,
    ...next,
    updatedAt: now,
  }
  return {
    type: 'lane.updated',
    laneId: lane.laneId,
    threadId: lane.threadId,
    sessionId: null,
    payload: { from: lane.status, to: state.status, reason: state.statusReason, cause: null, worktree },
    state,
  }
}
