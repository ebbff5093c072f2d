import { type Static, Type } from 'typebox'
import { ApprovalKind } from '../approvals/approval.ts'
import { LaneId, Nullable, Timestamp } from '../foundation/ids.ts'
import { ReadinessMode, StatusReason } from '../lanes/lane.ts'
import { CommandRecord } from './command-record.ts'
import { SubAgent } from './sub-agent.ts'

/**
 * Life of a session. `claimed`: a runner owns the lane and is bringing the app-server up. `live`: the app-server answers and
 * the thread is loaded. The rest have no process: `stopped` by command, `lost` with its process, `hibernated` to save memory.
 */
const SESSION_PHASES = ['none', 'claimed', 'live', 'stopped', 'lost', 'hibernated'] as const
const SessionPhase = Type.Enum([...SESSION_PHASES])

export const TURN_STATUSES = ['completed', 'interrupted', 'failed'] as const
export const TurnStatus = Type.Enum([...TURN_STATUSES])
export type TurnStatus = (typeof TURN_STATUSES)[number]

/** The turn that is under way: stored before `turn/start` is written to the child, so `turnId` is null until Codex names it. */
const ActiveTurn = Type.Object({
  commandId: Type.String(),
  turnId: Nullable(Type.String()),
  requestedAt: Timestamp,
  startedAt: Nullable(Timestamp),
})

/** A request of Codex that waits for an answer. `requestId` is Codex's own id and means something to this process only. */
export const OpenRequest = Type.Object({
  requestId: Type.Union([Type.Integer(), Type.String()]),
  approvalId: Type.String(),
  kind: ApprovalKind,
  threadId: Type.String(),
  turnId: Nullable(Type.String()),
  itemId: Nullable(Type.String()),
})
export type OpenRequest = Static<typeof OpenRequest>

/** The codex process of a session, named so that a reused pid is never mistaken for it. */
export const ProcessIdentity = Type.Object({
  host: Type.String(),
  pid: Type.Integer(),
  startTime: Nullable(Type.Integer()),
})
export type ProcessIdentity = Static<typeof ProcessIdentity>

/** Post-state of the session aggregate, carried by every event on `lane.evt.{laneId}.session`. */
export const SessionState = Type.Object({
  laneId: LaneId,
  incarnation: Type.String(),
  phase: SessionPhase,
  /** Tells incarnations of the session apart; grows with every claim. */
  epoch: Type.Integer({ minimum: 0 }),
  runnerId: Nullable(Type.String()),
  home: Nullable(Type.String()),
  process: Nullable(ProcessIdentity),
  codexVersion: Nullable(Type.String()),
  threadId: Nullable(Type.String()),
  /** Codex has stored the thread: from its first turn on it can be resumed by another process. */
  threadStored: Type.Boolean(),
  /** The client named the thread, so it may carry settings of other programs. Absent in old states: the same as false. */
  attached: Type.Optional(Type.Boolean()),
  startedAt: Nullable(Timestamp),
  readinessMode: ReadinessMode,
  readinessDeferred: Type.Boolean(),
  readinessReason: Nullable(Type.String()),
  activeTurn: Nullable(ActiveTurn),
  verifying: Nullable(Type.Object({ turnId: Nullable(Type.String()) })),
  requests: Type.Array(OpenRequest),
  /** Newest last. Absent in old states: the same as none. */
  subAgents: Type.Optional(Type.Array(SubAgent)),
  stopReason: Nullable(StatusReason),
  commands: Type.Array(CommandRecord),
})
export type SessionState = Static<typeof SessionState>

/** A session as the API shows it. The first eight fields are the contract's. */
export const Session = Type.Object(
  {
    laneId: LaneId,
    running: Type.Boolean(),
    threadId: Nullable(Type.String()),
    startedAt: Nullable(Timestamp),
    pendingRequests: Type.Integer({ minimum: 0 }),
    activeTurnId: Nullable(Type.String()),
    readinessMode: ReadinessMode,
    readinessDeferred: Type.Boolean(),
    readinessReason: Nullable(Type.String()),
    subAgents: Type.Array(SubAgent, { description: 'Threads that Codex started from this one, newest last; the last 16' }),
    phase: SessionPhase,
    epoch: Type.Integer({ minimum: 0 }),
    runnerId: Nullable(Type.String()),
    pid: Nullable(Type.Integer()),
    codexVersion: Nullable(Type.String()),
    stopReason: Nullable(StatusReason),
    seq: Type.Integer({ minimum: 0 }),
  },
  { $id: 'Session', description: 'The persistent app-server channel of a lane' },
)
export type Session = Static<typeof Session>

/** A turn as prompt, steer and interrupt answer it. */
export const TurnReceipt = Type.Object(
  {
    laneId: LaneId,
    sessionId: Type.String(),
    threadId: Nullable(Type.String()),
    turnId: Nullable(Type.String()),
    action: Type.Enum(['prompt', 'steer', 'interrupt']),
    status: Type.Enum(['inProgress', 'steered', 'interrupting', 'unknown']),
    commandId: Type.String(),
    seq: Type.Integer({ minimum: 0 }),
  },
  { $id: 'TurnReceipt', description: 'What was accepted; the event stream tells how it ends' },
)
export type TurnReceipt = Static<typeof TurnReceipt>
