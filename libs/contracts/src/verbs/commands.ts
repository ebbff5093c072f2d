import { type Static, Type } from 'typebox'
import { DecisionBody } from '../approvals/approval.ts'
import { RunningCodexRequest } from '../codex/running.ts'
import { WatchStart } from '../codex/watch.ts'
import { LaneId, Nullable } from '../foundation/ids.ts'
import {
  AttachLane,
  CleanupBody,
  DebugApproval,
  DebugComplete,
  InterruptBody,
  LaneCreate,
  LaneFilter,
  PromptBody,
  PromptText,
  ReconcileBody,
  StartVisible,
  type ThreadSummary,
} from '../lanes/bodies.ts'
import { LaneState, LaneWorktree } from '../lanes/lane.ts'
import type { SessionState } from '../sessions/session.ts'

/** Ties a retry to its first try: from `Idempotency-Key`, else made by the gateway. */
export const CommandId = Type.String({ pattern: '^[\\x21-\\x7e]{1,128}$' })

const withCommand = { commandId: CommandId }

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
  /** Any app-server method, under the policy of rpc-policy.ts. */
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
    input: Type.Optional(PromptText),
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
  /** Every runner answers with the codex processes and held threads it sees: HostSnapshot. */
  running: Type.Object({}),
  /** Every runner answers which of these folders it does not see: PathCheck. */
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
