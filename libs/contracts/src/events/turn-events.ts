import { Type } from 'typebox'
import { Nullable } from '../foundation/ids.ts'
import { StatusReason } from '../lanes/lane.ts'
import { TurnStatus } from '../sessions/session.ts'
import { SubAgent } from '../sessions/sub-agent.ts'
import { CommandResult } from '../sessions/verification.ts'
import { cutMarks } from './envelope.ts'

const text = Nullable(Type.String())
const usage = Type.Optional(Type.Unknown({ description: 'Tokens, as Codex reports them' }))

/** Events of the turns in a session, written by the session-runner that owns the lane. */
export const TURN_EVENTS = {
  'lane.turn.requested': {
    means: 'A prompt was accepted and stored, before Codex hears of it',
    payload: Type.Object({ input: Type.String(), commandId: Type.String(), ...cutMarks }),
  },
  'lane.turn.started': {
    means: 'Codex runs the turn',
    payload: Type.Object({
      turnId: Type.String(),
      commandId: Type.Optional(Type.String({ description: 'Absent for a turn the bridge did not ask for' })),
      origin: Type.Optional(Type.Literal('codex', { description: 'Codex, or another client, started the turn' })),
      ...cutMarks,
    }),
  },
  'lane.turn.steered': {
    means: 'Input was added to the running turn',
    payload: Type.Object({ turnId: text, input: Type.String(), ...cutMarks }),
  },
  'lane.turn.stalled': {
    means: 'The turn made no progress for too long; the bridge interrupts it',
    payload: Type.Object({ kind: Type.String(), afterMs: Type.Number(), message: Type.String(), ...cutMarks }),
  },
  'lane.turn.completed': {
    means: 'The turn is over: exactly one per turn, however it ended',
    payload: Type.Object({
      turnId: text,
      commandId: text,
      status: TurnStatus,
      cause: Nullable(Type.String({ description: 'What cut it off, such as operator, session_lost or stalled; null when Codex ended it' })),
      error: Type.Optional(Nullable(StatusReason)),
      finalMessage: text,
      usage,
      durationMs: Nullable(Type.Number()),
      verification: Type.Enum(['pending', 'none'], { description: 'pending: the bridge runs the verification commands next' }),
      ...cutMarks,
    }),
  },
  'lane.turn.skipped.readiness_deferred': {
    means: 'The kickoff prompt was not sent: the thread is not ready',
    payload: Type.Object({ reason: text, input: Type.Optional(Type.String()), commandId: Type.Optional(Type.String()), ...cutMarks }),
  },
  'lane.subagent.changed': {
    means: 'A sub-agent of the thread appeared, was named, started or ended work, or is being ended',
    payload: Type.Object({
      ...SubAgent.properties,
      cause: Nullable(Type.String({ description: 'Why the bridge ends its turn' })),
      details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      ...cutMarks,
    }),
  },
  'lane.verification.started': {
    means: 'The bridge runs the verification commands',
    payload: Type.Object({ turnId: text, commands: Type.Optional(Type.Array(Type.String())), ...cutMarks }),
  },
  'lane.verification.completed': {
    means: 'The verification commands ended',
    payload: Type.Object({
      turnId: text,
      status: Type.Enum(['passed', 'failed', 'interrupted']),
      results: Type.Optional(Type.Array(CommandResult)),
      finalMessage: text,
      ...cutMarks,
    }),
  },
  'lane.usage.updated': { means: 'Tokens used so far', payload: Type.Object({ turnId: text, usage, ...cutMarks }) },
} as const

/** Payload of a forwarded app-server notification: the method and its parameters as Codex sent them. */
export const NotificationPayload = Type.Object({
  method: Type.String(),
  params: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  ...cutMarks,
})
