import { type Static, Type } from 'typebox'
import { LaneId, Nullable } from '../foundation/ids.ts'
import { laneFields, Surface } from '../lanes/lane.ts'
import { TurnReceipt } from '../sessions/session.ts'
import { ThreadChild } from '../sessions/sub-agent.ts'

/** Thread ids as Codex makes them; also what may stand in a path. */
export const ThreadId = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$', description: 'Thread id of Codex' })

const Input = Type.String({ minLength: 1, maxLength: 1_048_576, pattern: '\\S', description: 'What to tell Codex' })
const TurnId = Type.String({ minLength: 1, maxLength: 128 })

/** Further fields go to Codex as they are; what the bridge itself reads is checked. */
const passthrough = { additionalProperties: true } as const

// ---- HTTP bodies -----------------------------------------------------------------------------------------------------

export const RpcBody = Type.Object(
  {
    method: Type.String({ minLength: 1, maxLength: 128, description: 'A method of the app-server' }),
    params: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { $id: 'RpcBody', additionalProperties: false },
)
export type RpcBody = Static<typeof RpcBody>

export const ThreadStart = Type.Object(
  {
    model: Type.Optional(laneFields.model),
    cwd: Type.Optional(laneFields.repoRoot),
    name: Type.Optional(
      Type.String({ minLength: 1, maxLength: 512, pattern: '\\S', description: 'Default "New thread": only a named thread is stored' }),
    ),
  },
  { $id: 'ThreadStart', ...passthrough, description: 'Further fields go to thread/start as they are' },
)
export type ThreadStart = Static<typeof ThreadStart>

export const ThreadAction = Type.Object(
  {},
  { $id: 'ThreadAction', ...passthrough, description: 'Goes to Codex as it is; threadId is that of the path' },
)
export type ThreadAction = Static<typeof ThreadAction>

export const ThreadRollback = Type.Object(
  { numTurns: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: 'Turns to drop from the end. Default 1' })) },
  { $id: 'ThreadRollback', ...passthrough },
)
export type ThreadRollback = Static<typeof ThreadRollback>

export const TurnStart = Type.Object(
  {
    input: Input,
    expectedTurnId: Type.Optional(Type.String({ ...TurnId, description: 'Only if this turn is running: the input is added to it' })),
  },
  { $id: 'TurnStart', ...passthrough, description: 'Further fields go to turn/start as they are' },
)
export type TurnStart = Static<typeof TurnStart>

export const TurnSteer = Type.Object(
  { input: Input, expectedTurnId: Type.Optional(TurnId), turnId: Type.Optional(TurnId) },
  { $id: 'TurnSteer', ...passthrough, description: 'expectedTurnId, or turnId as another name for it: only if this turn is running' },
)
export type TurnSteer = Static<typeof TurnSteer>

export const TurnInterrupt = Type.Object(
  { turnId: Type.Optional(TurnId), expectedTurnId: Type.Optional(TurnId) },
  { $id: 'TurnInterrupt', ...passthrough, description: 'turnId, or expectedTurnId as another name for it: only if this turn is running' },
)
export type TurnInterrupt = Static<typeof TurnInterrupt>

// ---- queries ---------------------------------------------------------------------------------------------------------

/** Every kind of source Codex knows of a thread. Without being asked for them it lists the interactive ones alone. */
export const SOURCE_KINDS = [
  'cli',
  'vscode',
  'exec',
  'appServer',
  'subAgent',
  'subAgentReview',
  'subAgentCompact',
  'subAgentThreadSpawn',
  'subAgentOther',
  'unknown',
] as const

// ---- answers ---------------------------------------------------------------------------------------------------------

const lineage = {
  laneIds: Type.Array(LaneId, { description: 'Lanes that are attached to it, or to the thread that spawned it' }),
  parentThreadId: Nullable(Type.String({ description: 'The thread whose sub-agent it is' })),
  children: Type.Array(ThreadChild, { description: 'Its sub-agents, newest first; at most 100' }),
}

/** A thread as Codex describes it, with what the bridge adds. */
export const CodexThreadView = Type.Object(
  { id: Type.String(), surface: Surface, ...lineage },
  { $id: 'Thread', ...passthrough, description: 'A thread as Codex describes it, with its surface and its lanes' },
)

export const ActiveThreads = Type.Object(
  {
    threads: Type.Array(
      Type.Object({
        thread: Type.Object({ id: Type.String() }, passthrough),
        surface: Surface,
        ...lineage,
        activeSecAgo: Type.Integer({ minimum: 0 }),
        score: Type.Number({ description: 'Preferred originator 4, preferred surface 2, recency 0 to 1' }),
        because: Type.Array(Type.String(), { description: 'Why it ranks here' }),
      }),
    ),
    scanned: Type.Integer({ minimum: 0 }),
    nextCursor: Type.Null(),
  },
  { $id: 'ActiveThreads', description: 'Threads with recent activity, best first' },
)
export type ActiveThreads = Static<typeof ActiveThreads>

export const LoadedThreads = Type.Object(
  {
    threads: Type.Array(Type.Object({ threadId: Type.String(), laneId: Nullable(LaneId) })),
    nextCursor: Type.Null(),
  },
  { $id: 'LoadedThreads', description: 'Threads that an app-server of this bridge has loaded; laneId: whose session' },
)
export type LoadedThreads = Static<typeof LoadedThreads>

export const CodexResult = Type.Object({}, { $id: 'CodexResult', ...passthrough, description: "Codex's answer as it is" })

/** What the turn routes of threads answer: by the lane's session where a lane holds the thread, else by Codex itself. */
export const ThreadTurn = Type.Object(
  {
    laneId: Nullable(LaneId),
    sessionId: Nullable(Type.String()),
    threadId: Type.String(),
    turnId: Nullable(Type.String()),
    action: Type.Enum(['start', 'steer', 'interrupt']),
    status: TurnReceipt.properties.status,
    commandId: Type.String(),
    seq: Nullable(Type.Integer({ minimum: 0 })),
  },
  { $id: 'ThreadTurn', description: 'What was accepted. Without a lane no event tells the end: read the thread' },
)
export type ThreadTurn = Static<typeof ThreadTurn>
