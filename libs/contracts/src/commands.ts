import { type Static, Type } from 'typebox'
import { DecisionBody } from './approval.ts'
import { LaneId, Nullable, Timestamp } from './ids.ts'
import { LANE_STATUSES, Lane, LaneState, LaneStatus, LaneWorktree, laneFields } from './lane.ts'
import { RunningCodexRequest } from './running.ts'
import { Session, type SessionState, TurnReceipt } from './session.ts'
import { WatchStart } from './watch.ts'
import { WorktreeOutcome } from './worktree.ts'

/** Ties a retry to its first try: from `Idempotency-Key`, else made by the gateway. */
export const CommandId = Type.String({ pattern: '^[\\x21-\\x7e]{1,128}$' })

const Input = Type.String({ minLength: 1, maxLength: 1_048_576, pattern: '\\S', description: 'What to tell Codex' })

const optional = Type.Partial(Type.Object(laneFields)).properties

const withWorktree = {
  worktree: Type.Optional(
    Type.Boolean({
      description:
        'Make a git worktree of repoRoot for this lane, on `branch` (else on codex-bridge/<laneId>), and remove it with the lane when nothing would be lost',
    }),
  ),
}

// ---- HTTP bodies -----------------------------------------------------------------------------------------------------

export const LaneCreate = Type.Object(
  { laneId: Type.Optional(LaneId), ...optional, ...withWorktree },
  { $id: 'LaneCreate', additionalProperties: false },
)
export type LaneCreate = Static<typeof LaneCreate>

export const StartVisible = Type.Object(
  { laneId: Type.Optional(LaneId), ...optional, ...withWorktree, kickoffPrompt: Type.Optional(Input) },
  { $id: 'StartVisible', additionalProperties: false },
)
export type StartVisible = Static<typeof StartVisible>

export const AttachLane = Type.Object(
  { laneId: Type.Optional(LaneId), ...optional, threadId: laneFields.threadId },
  { $id: 'AttachLane', additionalProperties: false },
)
export type AttachLane = Static<typeof AttachLane>

/** Which lanes a cleanup deletes. Lanes with a live session are never among them. */
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
    clearSyntheticRunningLanes: Type.Optional(Type.Boolean({ description: 'Default true' })),
    clearOrphanedActiveTurns: Type.Optional(Type.Boolean({ description: 'Default true' })),
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
    input: Input,
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

// ---- bus requests ----------------------------------------------------------------------------------------------------

const withCommand = { commandId: CommandId }

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

/** Query of `GET /lanes`. */
export const LaneListQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 100 })),
    cursor: Type.Optional(Type.String({ maxLength: 512, description: 'nextCursor of the page before' })),
    status: Type.Optional(
      Type.Array(LaneStatus, { maxItems: LANE_STATUSES.length, description: 'Any of these. Repeatable or comma-separated' }),
    ),
    projectId: LaneFilter.properties.projectId,
    threadId: LaneFilter.properties.threadId,
    q: Type.Optional(
      Type.String({ maxLength: 256, description: 'Part of the lane id, title, repository path or project, without regard to case' }),
    ),
    updatedSince: LaneFilter.properties.updatedSince,
  },
  { $id: 'LaneListQuery' },
)

/** lane.cmd.registry.* */
export const RegistryRequests = {
  'create-lane': Type.Object({ ...withCommand, body: LaneCreate }),
  'get-lane': Type.Object({ laneId: LaneId, minSeq: Type.Optional(Type.Integer({ minimum: 0 })) }),
  'list-lanes': Type.Object({
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
    cursor: Type.Optional(Type.String({ maxLength: 512 })),
    minSeq: Type.Optional(Type.Integer({ minimum: 0 })),
    filter: Type.Optional(LaneFilter),
  }),
  attach: Type.Object({ ...withCommand, body: AttachLane }),
  'sync-lane': Type.Object({ ...withCommand, laneId: LaneId }),
  cleanup: Type.Object({ ...withCommand, body: CleanupBody }),
  /** Any app-server method, under the policy of rpc.policy.ts. */
  rpc: Type.Object({
    commandId: Type.Optional(CommandId),
    method: Type.String({ minLength: 1, maxLength: 128 }),
    params: Type.Record(Type.String(), Type.Unknown()),
  }),
  'get-thread': Type.Object({ threadId: Type.String({ maxLength: 128 }), includeTurns: Type.Boolean() }),
  'loaded-threads': Type.Object({}),
  'list-threads': Type.Object({
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
    cursor: Type.Optional(Type.String({ maxLength: 512 })),
    sourceKinds: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 16 })),
  }),
  'active-threads': Type.Object({
    windowSec: Type.Integer({ minimum: 1, maximum: 31_536_000 }),
    source: Type.Optional(Type.String({ maxLength: 64 })),
    sourceKinds: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 16 })),
    surface: Type.Optional(Type.Enum(['mac-app', 'vscode', 'cli', 'unknown'])),
    originator: Type.Optional(Type.String({ maxLength: 128 })),
    preferOriginator: Type.Optional(Type.String({ maxLength: 128 })),
    preferredSurface: Type.Optional(Type.Enum(['mac-app', 'vscode', 'cli', 'any'])),
  }),
  'rollback-thread': Type.Object({
    ...withCommand,
    threadId: Type.String({ maxLength: 128 }),
    numTurns: Type.Integer({ minimum: 1, maximum: 10_000 }),
  }),
  'turn-on-thread': Type.Object({
    ...withCommand,
    threadId: Type.String({ maxLength: 128 }),
    action: Type.Enum(['start', 'steer', 'interrupt']),
    input: Type.Optional(Input),
    turnId: Type.Optional(Type.String({ maxLength: 128 })),
    expectedTurnId: Type.Optional(Type.String({ maxLength: 128 })),
    options: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  }),
  /** The watcher. Answered by the leader, which alone runs it; all four answer WatchStatus. */
  'watch-status': Type.Object({}),
  'watch-start': WatchStart,
  'watch-stop': Type.Object({}),
  'watch-tick': Type.Object({}),
  /** Answers RunningCodex. */
  'running-codex': RunningCodexRequest,
  'debug-complete': Type.Object({ ...withCommand, body: DebugComplete }),
  'debug-reconcile': Type.Object({ body: ReconcileBody }),
  'delete-lane': Type.Object({ ...withCommand, laneId: LaneId }),
  'start-visible': Type.Object({ ...withCommand, body: StartVisible }),
  'start-session': Type.Object({ ...withCommand, laneId: LaneId }),
  'stop-session': Type.Object({ ...withCommand, laneId: LaneId }),
  'get-session': Type.Object({ laneId: LaneId, minSeq: Type.Optional(Type.Integer({ minimum: 0 })) }),
  'list-sessions': Type.Object({}),
  'lane-events': Type.Object({
    laneId: LaneId,
    after: Type.Integer({ minimum: 0 }),
    limit: Type.Integer({ minimum: 1, maximum: 1000 }),
    types: Type.Optional(Type.Array(Type.String({ maxLength: 128 }), { maxItems: 50 })),
  }),
  health: Type.Object({}),
} as const
export type RegistryVerb = keyof typeof RegistryRequests
export type RegistryRequest<V extends RegistryVerb> = Static<(typeof RegistryRequests)[V]>

/** Further fields of `turn/start` and `turn/steer`, handed on to Codex as they are. */
const TurnOptions = Type.Optional(Type.Record(Type.String(), Type.Unknown()))

/** lane.cmd.session.{laneId}.* and lane.cmd.runner.* */
export const SessionRequests = {
  status: Type.Object({}),
  /** `orSkip`: on a thread that is not ready the prompt is dropped with an event (SkippedTurn) instead of refused. */
  prompt: Type.Object({ ...withCommand, body: PromptBody, orSkip: Type.Optional(Type.Boolean()), options: TurnOptions }),
  steer: Type.Object({ ...withCommand, body: PromptBody, options: TurnOptions }),
  interrupt: Type.Object({ ...withCommand, body: InterruptBody }),
  stop: Type.Object({ ...withCommand }),
  /** An app-server call on the lane's own process. */
  call: Type.Object({ method: Type.String({ minLength: 1, maxLength: 128 }), params: Type.Record(Type.String(), Type.Unknown()) }),
} as const
export type SessionRequest<V extends keyof typeof SessionRequests> = Static<(typeof SessionRequests)[V]>

const ofLane = { laneId: LaneId, incarnation: Type.String(), repoRoot: Type.String(), worktree: LaneWorktree }

export const RunnerRequests = {
  /** Any runner with capacity takes the lane: lease, epoch, process, thread. Answers when the session is live or cannot be. */
  claim: Type.Object({ ...withCommand, lane: LaneState }),
  /** As claim, for a session whose owner is gone: says so in the log first, then resumes by policy. */
  recover: Type.Object({ ...withCommand, lane: LaneState }),
  /** Whether and where a worktree can be made: WorktreePlan. Changes nothing. */
  'plan-worktree': Type.Object({ laneId: LaneId, repoRoot: Type.String(), branch: Nullable(Type.String()) }),
  /** Makes what was planned; made before, also half, it is brought to its end: WorktreePlan. */
  'create-worktree': Type.Object({ ...withCommand, ...ofLane }),
  /** Removes it when nothing would be lost: WorktreeOutcome. */
  'remove-worktree': Type.Object({ ...withCommand, ...ofLane }),
} as const
export type RunnerVerb = keyof typeof RunnerRequests
export type RunnerRequest<V extends RunnerVerb> = Static<(typeof RunnerRequests)[V]>

/** The answer to a prompt that was dropped because the thread is not ready. */
export type SkippedTurn = { skipped: true; reason: string | null; seq: number }

/** What a runner answers about a live session. */
export type SessionReply = { session: SessionState; thread: ThreadSummary | null; seq: number }

const RpcParams = Type.Record(Type.String(), Type.Unknown())

/** lane.cmd.codex.call: one app-server call for a thread that no lane holds, or for none. One runner of the group answers. */
export const CodexCallRequests = {
  call: Type.Object({
    method: Type.String({ minLength: 1, maxLength: 128 }),
    params: RpcParams,
    timeoutMs: Type.Optional(Type.Integer({ minimum: 100 })),
  }),
} as const
export type CodexCall = Static<(typeof CodexCallRequests)['call']>

/** lane.cmd.codex.describe-runner */
export const CodexRequests = {
  /** Every runner answers for itself: version, home, login, load. Sent to all, not to one. */
  'describe-runner': Type.Object({}),
  /** Every runner answers with the codex processes and held threads it sees: RunnerSight. */
  running: Type.Object({}),
  /** Every runner answers which of these folders it does not see: PathSight. */
  'check-paths': Type.Object({ paths: Type.Array(Type.String({ pattern: '^/', maxLength: 4096 }), { maxItems: 500 }) }),
} as const

/** lane.cmd.approvals.* */
export const ApprovalRequests = {
  list: Type.Object({ laneId: LaneId }),
  decide: Type.Object({
    ...withCommand,
    laneId: LaneId,
    approvalId: Type.String({ maxLength: 128 }),
    action: Type.Enum(['approve', 'deny']),
    body: DecisionBody,
  }),
  /** Asks for a decision without Codex: `POST /debug/request-approval`. */
  request: Type.Object({ ...withCommand, body: DebugApproval }),
  health: Type.Object({}),
} as const
export type ApprovalVerb = keyof typeof ApprovalRequests
export type ApprovalRequest<V extends ApprovalVerb> = Static<(typeof ApprovalRequests)[V]>

/** What a runner says of itself, without secrets. */
export const RunnerInfo = Type.Object(
  {
    runnerId: Type.String(),
    codexBinary: Nullable(Type.Object({ path: Type.String(), origin: Type.String() })),
    codexVersion: Nullable(Type.String()),
    codexVersions: Type.Array(Type.String(), {
      description: 'What its living app-servers are, and the binary: two after the binary was replaced under a running session',
    }),
    missingMethods: Nullable(
      Type.Array(Type.String(), { description: 'Methods of the contract this binary cannot serve; null: it does not tell' }),
    ),
    codexHome: Type.String(),
    appServer: Type.Enum(['ok', 'failed', 'probing']),
    login: Type.Enum(['logged_in', 'not_required', 'missing', 'unknown']),
    problem: Nullable(Type.String()),
    sessions: Type.Integer(),
    capacity: Type.Integer(),
  },
  { $id: 'RunnerInfo' },
)
export type RunnerInfo = Static<typeof RunnerInfo>
