import { type Static, Type } from 'typebox'
import { Nullable } from '../foundation/ids.ts'
import { InterruptBody, PromptBody, ThreadSummary } from '../lanes/bodies.ts'
import { SessionState, TurnReceipt } from '../sessions/session.ts'
import { CommandId, verbsOf } from './verb.ts'

const commandId = { commandId: CommandId }

/** Further fields of `turn/start` and `turn/steer`, passed to Codex unchanged. */
const TurnOptions = Type.Optional(Type.Record(Type.String(), Type.Unknown()))

/** A live session as its runner describes it. */
export const SessionReply = Type.Object({ session: SessionState, thread: Nullable(ThreadSummary), seq: Type.Integer({ minimum: 0 }) })
export type SessionReply = Static<typeof SessionReply>

/** The prompt was dropped because the thread is not ready. */
export const SkippedTurn = Type.Object({ skipped: Type.Literal(true), reason: Nullable(Type.String()), seq: Type.Integer({ minimum: 0 }) })
export type SkippedTurn = Static<typeof SkippedTurn>

/** An app-server call. `timeoutMs` bounds the wait for Codex. */
export const AppServerCall = Type.Object({
  method: Type.String({ minLength: 1, maxLength: 128 }),
  params: Type.Record(Type.String(), Type.Unknown()),
  timeoutMs: Type.Optional(Type.Integer({ minimum: 100 })),
})
export type AppServerCall = Static<typeof AppServerCall>

/** lane.cmd.session.{laneId}.* */
export const Sessions = verbsOf('session', {
  status: { request: Type.Object({}), reply: SessionReply },
  /** `orSkip`: while the thread is not ready, drop the prompt with an event instead of refusing it. */
  prompt: {
    request: Type.Object({ ...commandId, body: PromptBody, orSkip: Type.Optional(Type.Boolean()), options: TurnOptions }),
    reply: Type.Union([TurnReceipt, SkippedTurn]),
  },
  steer: { request: Type.Object({ ...commandId, body: PromptBody, options: TurnOptions }), reply: TurnReceipt },
  interrupt: { request: Type.Object({ ...commandId, body: InterruptBody }), reply: TurnReceipt },
  stop: { request: Type.Object({ ...commandId }), reply: SessionReply },
  /** An app-server call on the lane's own process. The result is Codex's, unchecked. */
  call: { request: AppServerCall, reply: Type.Unknown() },
})
