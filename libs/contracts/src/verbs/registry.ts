import { Type } from 'typebox'
import { RunningCodex, RunningCodexRequest } from '../codex/running.ts'
import { ActiveThreads, CodexThreadView, LoadedThreads, ThreadTurn } from '../codex/threads.ts'
import { WatchStart, WatchStatus } from '../codex/watch.ts'
import { EventPage } from '../events/envelope.ts'
import { LaneId, Nullable } from '../foundation/ids.ts'
import {
  AttachLane,
  CleanupBody,
  CleanupResult,
  DebugComplete,
  LaneCreate,
  LaneFilter,
  PromptText,
  ReconcileBody,
  ReconcileResult,
  StartVisible,
  StartVisibleResult,
} from '../lanes/bodies.ts'
import { Lane } from '../lanes/lane.ts'
import { WorktreeOutcome } from '../lanes/worktree.ts'
import { Session } from '../sessions/session.ts'
import { CommandId, verbsOf } from './verb.ts'

const commandId = { commandId: CommandId }
const ofLane = { laneId: LaneId }
const minSeq = { minSeq: Type.Optional(Type.Integer({ minimum: 0 })) }
const threadId = Type.String({ maxLength: 128 })
const SourceKinds = Type.Array(Type.String({ maxLength: 64 }), { maxItems: 16 })
const nextCursor = Nullable(Type.String())

/** lane.cmd.registry.* */
export const Registry = verbsOf('registry', {
  createLane: { request: Type.Object({ ...commandId, body: LaneCreate }), reply: Lane },
  getLane: { request: Type.Object({ ...ofLane, ...minSeq }), reply: Lane },
  listLanes: {
    request: Type.Object({
      limit: Type.Integer({ minimum: 1, maximum: 200 }),
      cursor: Type.Optional(Type.String({ maxLength: 512 })),
      ...minSeq,
      filter: Type.Optional(LaneFilter),
    }),
    reply: Type.Object({ lanes: Type.Array(Lane), nextCursor }),
  },
  deleteLane: {
    request: Type.Object({ ...commandId, ...ofLane }),
    reply: Type.Object({ ...ofLane, seq: Type.Integer(), worktree: Type.Optional(WorktreeOutcome) }),
  },
  laneEvents: {
    request: Type.Object({
      ...ofLane,
      after: Type.Integer({ minimum: 0 }),
      limit: Type.Integer({ minimum: 1, maximum: 1000 }),
      types: Type.Optional(Type.Array(Type.String({ maxLength: 128 }), { maxItems: 50 })),
    }),
    reply: EventPage,
  },
  attach: { request: Type.Object({ ...commandId, body: AttachLane }), reply: Lane },
  syncLane: { request: Type.Object({ ...commandId, ...ofLane }), reply: Lane },
  cleanup: { request: Type.Object({ ...commandId, body: CleanupBody }), reply: CleanupResult },
  startVisible: { request: Type.Object({ ...commandId, body: StartVisible }), reply: StartVisibleResult },

  startSession: { request: Type.Object({ ...commandId, ...ofLane }), reply: Session },
  stopSession: { request: Type.Object({ ...commandId, ...ofLane }), reply: Session },
  getSession: { request: Type.Object({ ...ofLane, ...minSeq }), reply: Session },
  listSessions: { request: Type.Object({}), reply: Type.Object({ sessions: Type.Array(Session), nextCursor }) },

  /** Any app-server method that rpc-policy.ts allows. The result is Codex's, unchecked. */
  rpc: {
    request: Type.Object({
      commandId: Type.Optional(CommandId),
      method: Type.String({ minLength: 1, maxLength: 128 }),
      params: Type.Record(Type.String(), Type.Unknown()),
    }),
    reply: Type.Unknown(),
  },
  getThread: { request: Type.Object({ threadId, includeTurns: Type.Boolean() }), reply: CodexThreadView },
  loadedThreads: { request: Type.Object({}), reply: LoadedThreads },
  listThreads: {
    request: Type.Object({
      limit: Type.Integer({ minimum: 1, maximum: 200 }),
      cursor: Type.Optional(Type.String({ maxLength: 512 })),
      sourceKinds: Type.Optional(SourceKinds),
    }),
    reply: Type.Object({ threads: Type.Array(CodexThreadView), nextCursor }),
  },
  activeThreads: {
    request: Type.Object({
      windowSec: Type.Integer({ minimum: 1, maximum: 31_536_000 }),
      source: Type.Optional(Type.String({ maxLength: 64 })),
      sourceKinds: Type.Optional(SourceKinds),
      surface: Type.Optional(Type.Enum(['mac-app', 'vscode', 'cli', 'unknown'])),
      originator: Type.Optional(Type.String({ maxLength: 128 })),
      preferOriginator: Type.Optional(Type.String({ maxLength: 128 })),
      preferredSurface: Type.Optional(Type.Enum(['mac-app', 'vscode', 'cli', 'any'])),
    }),
    reply: ActiveThreads,
  },
  rollbackThread: {
    request: Type.Object({ ...commandId, threadId, numTurns: Type.Integer({ minimum: 1, maximum: 10_000 }) }),
    reply: Type.Object(
      { droppedTurns: Type.Integer({ minimum: 0 }), thread: Type.Optional(Type.Unknown()) },
      { additionalProperties: true, description: "Codex's result, and the number of turns that were dropped." },
    ),
  },
  turnOnThread: {
    request: Type.Object({
      ...commandId,
      threadId,
      action: Type.Enum(['start', 'steer', 'interrupt']),
      input: Type.Optional(PromptText),
      turnId: Type.Optional(Type.String({ maxLength: 128 })),
      expectedTurnId: Type.Optional(Type.String({ maxLength: 128 })),
      options: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    }),
    reply: ThreadTurn,
  },
  runningCodex: { request: RunningCodexRequest, reply: RunningCodex },

  /** Only the leader runs the watcher, so only the leader answers these. */
  watchStatus: { request: Type.Object({}), reply: WatchStatus },
  watchStart: { request: WatchStart, reply: WatchStatus },
  watchStop: { request: Type.Object({}), reply: WatchStatus },
  watchTick: { request: Type.Object({}), reply: WatchStatus },

  debugComplete: { request: Type.Object({ ...commandId, body: DebugComplete }), reply: Lane },
  debugReconcile: { request: Type.Object({ body: ReconcileBody }), reply: ReconcileResult },
  health: {
    request: Type.Object({}),
    reply: Type.Object({
      instance: Type.String(),
      leading: Type.Boolean(),
      lag: Nullable(Type.Integer({ minimum: 0, description: 'Stored events not folded yet; null: unknown' })),
    }),
  },
})
