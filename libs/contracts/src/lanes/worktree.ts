import { type Static, Type } from 'typebox'
import { Nullable } from '../foundation/ids.ts'
import { LaneWorktree, StatusReason } from './lane.ts'

const { state: _state, ...planned } = LaneWorktree.properties

/** A worktree that can be made, decided before anything is: what is stored with the lane is what will be made, on every try. */
export const WorktreePlan = Type.Object(planned)
export type WorktreePlan = Static<typeof WorktreePlan>

/** What became of a lane's own worktree when the lane was deleted. */
export const WorktreeOutcome = Type.Object({
  path: Type.String(),
  branch: Type.String(),
  removed: Type.Boolean({ description: 'The folder is gone; nothing was lost with it' }),
  reason: Nullable(StatusReason),
  branchDeleted: Type.Boolean({ description: 'Only a branch that the bridge made is ever deleted, and only a merged one' }),
  branchReason: Nullable(Type.String({ description: 'Why a branch that the bridge made is still there' })),
})
export type WorktreeOutcome = Static<typeof WorktreeOutcome>
