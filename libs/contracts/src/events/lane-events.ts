import { Type } from 'typebox'
import { ThreadChange } from '../codex/watch.ts'
import { Nullable } from '../foundation/ids.ts'
import { LaneStatus, LaneWorktree, StatusReason, Surface, ThreadSeen } from '../lanes/lane.ts'
import { WorktreeOutcome } from '../lanes/worktree.ts'
import { CommandResult } from '../sessions/verification.ts'

const text = Nullable(Type.String())
const worktree = Type.Optional(LaneWorktree)

const statusChange = {
  from: LaneStatus,
  to: LaneStatus,
  reason: Nullable(StatusReason),
  cause: Nullable(
    Type.Object(
      { eventId: Type.String(), seq: Type.Integer(), type: Type.String() },
      { description: 'The event that changed the status; null when the bridge or an operator changed it directly' },
    ),
  ),
  turnId: Type.Optional(text),
}
const StatusChange = Type.Object(statusChange)

const ThreadFacts = Type.Object({
  threadId: text,
  title: Type.Optional(text),
  cwd: Type.Optional(text),
  branch: Type.Optional(text),
  surface: Type.Optional(Surface),
  updatedAt: Type.Optional(Nullable(Type.Number({ description: 'Unix seconds' }))),
  archived: Type.Optional(Type.Boolean()),
})

/** Events of the lane aggregate, written by the lane-registry. Optional fields are missing in events of earlier versions. */
export const LANE_EVENTS = {
  'lane.created': {
    means: 'The lane exists',
    payload: Type.Object({ title: text, repoRoot: text, projectId: text, worktree }),
  },
  'lane.updated': {
    means: 'Its description changed',
    payload: Type.Object({ ...statusChange, worktree }),
  },
  'lane.attached': { means: 'A thread was attached', payload: ThreadFacts },
  'lane.synced': { means: 'Its description was refreshed from the thread', payload: ThreadFacts },
  'lane.status.changed': { means: 'Its status changed to one without an event of its own', payload: StatusChange },
  'lane.completed': {
    means: 'Its unit of work is done, and verified where verification commands exist',
    payload: Type.Object({
      ...statusChange,
      finalMessage: text,
      usage: Type.Optional(Type.Unknown({ description: 'Tokens, as Codex reports them' })),
      acceptanceCriteria: Type.Array(Type.String()),
      verification: Type.Optional(Nullable(Type.Array(CommandResult))),
      note: Type.Optional(text),
      debug: Type.Optional(Type.Boolean({ description: 'Completed by an operator' })),
    }),
  },
  'lane.failed': { means: 'Its turn, verification or recovery failed', payload: StatusChange },
  'lane.blocked': { means: 'It cannot continue without an outside change, named in the reason', payload: StatusChange },
  'lane.interrupted': { means: 'Its turn was interrupted', payload: StatusChange },
  'lane.deleted': {
    means: 'The lane was deleted',
    payload: Type.Object({ status: LaneStatus, worktree: Type.Optional(WorktreeOutcome) }),
  },
  'lane.thread.updated': {
    means: 'The watcher saw its thread change outside the bridge',
    payload: Type.Object({
      threadId: text,
      updatedAt: text,
      changes: Type.Optional(Type.Array(ThreadChange)),
      thread: Type.Optional(ThreadSeen),
      title: Type.Optional(text),
      branch: Type.Optional(text),
      surface: Type.Optional(Surface),
    }),
  },
} as const
