import { type Static, Type } from 'typebox'
import { DecisionBody } from './approval.ts'
import { LaneId, Nullable } from './ids.ts'
import { Lane, LaneState, laneFields } from './lane.ts'
import { Session, type SessionState, TurnReceipt } from './session.ts'

/** Ties a retry to its first try: from `Idempotency-Key`, else made by the gateway. */
export const CommandId = Type.String({ pattern: '^[\\x21-\\x7e]{1,128}$' })

const Input = Type.String({ minLength: 1, maxLength: 1_048_576, pattern: '\\S', description: 'What to tell Codex' })

const optional = Type.Partial(Type.Object(laneFields)).properties

// ---- HTTP bodies -----------------------------------------------------------------------------------------------------

export const LaneCreate = Type.Object({ laneId: Type.Optional(LaneId), ...optional }, { $id: 'LaneCreate', additionalProperties: false })
export type LaneCreate = Static<typeof LaneCreate>

export const StartVisible = Type.Object(
  { laneId: Type.Optional(LaneId), ...optional, kickoffPrompt: Type.Optional(Input) },
  { $id: 'StartVisible', additionalProperties: false },
)
export type StartVisible = Static<typeof StartVisible>

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

/** lane.cmd.registry.* */
export const RegistryRequests = {
  'create-lane': Type.Object({ ...withCommand, body: LaneCreate }),
  'get-lane': Type.Object({ laneId: LaneId, minSeq: Type.Optional(Type.Integer({ minimum: 0 })) }),
  'list-lanes': Type.Object({
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
    cursor: Type.Optional(Type.String({ maxLength: 512 })),
    minSeq: Type.Optional(Type.Integer({ minimum: 0 })),
  }),
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

/** lane.cmd.session.{laneId}.* and lane.cmd.runner.* */
export const SessionRequests = {
  status: Type.Object({}),
  prompt: Type.Object({ ...withCommand, body: PromptBody }),
  steer: Type.Object({ ...withCommand, body: PromptBody }),
  interrupt: Type.Object({ ...withCommand, body: InterruptBody }),
  stop: Type.Object({ ...withCommand }),
} as const
export type SessionRequest<V extends keyof typeof SessionRequests> = Static<(typeof SessionRequests)[V]>

export const RunnerRequests = {
  /** Any runner with capacity takes the lane: lease, epoch, process, thread. Answers when the session is live or cannot be. */
  claim: Type.Object({ ...withCommand, lane: LaneState }),
  /** As claim, for a session whose owner is gone: says so in the log first, then resumes by policy. */
  recover: Type.Object({ ...withCommand, lane: LaneState }),
} as const
export type RunnerVerb = keyof typeof RunnerRequests
export type RunnerRequest<V extends RunnerVerb> = Static<(typeof RunnerRequests)[V]>

/** What a runner answers about a live session. */
export type SessionReply = { session: SessionState; thread: ThreadSummary | null; seq: number }

/** lane.cmd.codex.* */
export const CodexRequests = {
  /** Every runner answers for itself: version, home, login, load. Sent to all, not to one. */
  'describe-runner': Type.Object({}),
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
