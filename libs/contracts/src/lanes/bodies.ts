import { type Static, Type } from 'typebox'
import { LaneId, Nullable, Timestamp } from '../foundation/ids.ts'
import { Session, TurnReceipt } from '../sessions/session.ts'
import { Lane, LaneStatus, laneFields } from './lane.ts'
import { WorktreeOutcome } from './worktree.ts'

// What clients send, and what is made of several resources for an answer.

export const PromptText = Type.String({ minLength: 1, maxLength: 1_048_576, pattern: '\\S', description: 'What to tell Codex' })

const optional = Type.Partial(Type.Object(laneFields)).properties

const withWorktree = {
  worktree: Type.Optional(
    Type.Boolean({
      description:
        'Make a git worktree of repoRoot for this lane, on `branch` (else on codex-bridge/<laneId>), and remove it with the lane when nothing would be lost',
    }),
  ),
}

export const LaneCreate = Type.Object(
  { laneId: Type.Optional(LaneId), ...optional, ...withWorktree },
  { $id: 'LaneCreate', additionalProperties: false },
)
export type LaneCreate = Static<typeof LaneCreate>

export const StartVisible = Type.Object(
  { laneId: Type.Optional(LaneId), ...optional, ...withWorktree, kickoffPrompt: Type.Optional(PromptText) },
  { $id: 'StartVisible', additionalProperties: false },
)
export type StartVisible = Static<typeof StartVisible>

export const AttachLane = Type.Object(
  { laneId: Type.Optional(LaneId), ...optional, threadId: laneFields.threadId },
  { $id: 'AttachLane', additionalProperties: false },
)
export type AttachLane = Static<typeof AttachLane>

/** Which lanes a cleanup deletes. A lane whose turn or verification is running is never among them; an idle session is stopped first. */
export const CleanupBody = Type.Object(
  {
    statuses: Type.Optional(
      Type.Array(LaneStatus, { uniqueItems: true, maxItems: 9, description: 'Default: blocked, done, failed, interrupted' }),
    ),
    olderThanHours: Type.Optional(Type.Number({ minimum: 0, description: 'Since the last change. Default 24' })),
    syntheticOnly: Type.Optional(
      Type.Boolean({ description: 'Only lanes whose id or project begins with synthetic-, smoke- or test-. Default false' }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Default 100' })),
    dryRun: Type.Optional(Type.Boolean({ description: 'Only say what would be deleted. Default true' })),
  },
  { $id: 'CleanupBody', additionalProperties: false },
)
export type CleanupBody = Static<typeof CleanupBody>

export const CleanupResult = Type.Object(
  {
    dryRun: Type.Boolean(),
    matched: Type.Integer(),
    deleted: Type.Integer(),
    lanes: Type.Array(
      Type.Object({
        laneId: LaneId,
        status: LaneStatus,
        updatedAt: Type.String(),
        action: Type.Enum(['would_delete', 'deleted', 'kept']),
        reason: Nullable(Type.String()),
        worktree: Type.Optional(WorktreeOutcome),
      }),
    ),
  },
  { $id: 'CleanupResult' },
)
export type CleanupResult = Static<typeof CleanupResult>

export const DebugApproval = Type.Object(
  {
    laneId: LaneId,
    source: Type.Optional(Type.Enum(['app-server', 'runtime'])),
    reason: Type.Optional(Type.String({ minLength: 1, maxLength: 4096 })),
  },
  { $id: 'DebugApproval', additionalProperties: false },
)
export type DebugApproval = Static<typeof DebugApproval>

export const DebugComplete = Type.Object(
  { laneId: LaneId, note: Type.Optional(Type.String({ minLength: 1, maxLength: 4096 })) },
  { $id: 'DebugComplete', additionalProperties: false },
)
export type DebugComplete = Static<typeof DebugComplete>

export const ReconcileBody = Type.Object(
  {
    clearSyntheticRunningLanes: Type.Optional(
      Type.Boolean({ description: 'Clear lanes that show a live status without a session behind it. Default true' }),
    ),
    clearOrphanedActiveTurns: Type.Optional(
      Type.Boolean({ description: 'End the turns of sessions whose owner is gone, and recover the sessions. Default true' }),
    ),
  },
  { $id: 'ReconcileBody', additionalProperties: false },
)
export type ReconcileBody = Static<typeof ReconcileBody>

export const ReconcileResult = Type.Object(
  { clearedLanes: Type.Array(LaneId), recoveredSessions: Type.Array(LaneId), checked: Type.Integer() },
  { $id: 'ReconcileResult' },
)
export type ReconcileResult = Static<typeof ReconcileResult>

export const PromptBody = Type.Object(
  {
    input: PromptText,
    expectedTurnId: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
  },
  { $id: 'PromptBody', additionalProperties: false },
)
export type PromptBody = Static<typeof PromptBody>

export const InterruptBody = Type.Object(
  { turnId: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })) },
  { $id: 'InterruptBody', additionalProperties: false },
)
export type InterruptBody = Static<typeof InterruptBody>

/** A body for routes that take none: `{}` or nothing. */
export const EmptyBody = Type.Object({}, { $id: 'EmptyBody', additionalProperties: false })

/** The thread a session works on, as Codex named it. */
export const ThreadSummary = Type.Object(
  { id: Type.String(), name: Nullable(Type.String()), cwd: Nullable(Type.String()) },
  { $id: 'ThreadSummary' },
)
export type ThreadSummary = Static<typeof ThreadSummary>

export const StartVisibleResult = Type.Object(
  {
    lane: Lane,
    session: Session,
    thread: Type.Object({ id: Type.String(), name: Nullable(Type.String()), cwd: Nullable(Type.String()) }),
    turn: Nullable(TurnReceipt),
  },
  { $id: 'StartVisibleResult' },
)
export type StartVisibleResult = Static<typeof StartVisibleResult>

/** Narrows a list of lanes; what is given must all hold. */
export const LaneFilter = Type.Object({
  statuses: Type.Optional(Type.Array(LaneStatus)),
  projectId: Type.Optional(Type.String({ maxLength: 256 })),
  threadId: Type.Optional(Type.String({ maxLength: 128 })),
  /** Part of the lane id, the title or the repository path, without regard to case. */
  q: Type.Optional(Type.String({ maxLength: 256 })),
  updatedSince: Type.Optional(Timestamp),
})
export type LaneFilter = Static<typeof LaneFilter>
