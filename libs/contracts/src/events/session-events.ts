import { Type } from 'typebox'
import { Nullable } from '../foundation/ids.ts'
import { StatusReason } from '../lanes/lane.ts'
import { OpenRequest } from '../sessions/session.ts'
import { cutMarks } from './envelope.ts'

const text = Nullable(Type.String())

/** What Codex may do on the thread, as Codex reported it when the thread was loaded. Missing in events of earlier versions. */
const settings = { approvalPolicy: Type.Optional(Type.Unknown()), sandbox: Type.Optional(text) }

const Started = Type.Object({
  threadId: Type.String(),
  runnerId: text,
  codexVersion: text,
  pid: Type.Integer(),
  readinessDeferred: Type.Boolean(),
  readinessReason: text,
  ...settings,
  replacedThreadId: Type.Optional(Type.String({ description: 'The empty thread that had to be replaced' })),
  ...cutMarks,
})

/** Events of a session and of the requests Codex makes in it, written by the session-runner that owns the lane. */
export const SESSION_EVENTS = {
  'lane.session.claimed': {
    means: 'A runner took the lane; its epoch fences every earlier owner',
    payload: Type.Object({
      purpose: Type.Enum(['start', 'recover']),
      epoch: Type.Integer(),
      runnerId: Type.String(),
      home: Type.String(),
      ...cutMarks,
    }),
  },
  'lane.session.started': { means: 'The app-server answers and the thread is loaded', payload: Started },
  'lane.session.recovered': { means: 'As started, after a loss', payload: Started },
  'lane.session.deferred': {
    means: 'The thread is still not ready, for a different reason than before',
    payload: Type.Object({ threadId: text, was: text, readinessReason: Type.String(), ...cutMarks }),
  },
  'lane.session.ready': {
    means: 'The thread became ready after a deferral',
    payload: Type.Object({ threadId: text, was: text, deferredMs: Type.Number(), ...settings, ...cutMarks }),
  },
  'lane.session.stopped': {
    means: 'The session was ended by a command, or could not start',
    payload: Type.Object({
      cause: Type.Enum(['command', 'start_failed', 'crash_loop']),
      reason: Type.Optional(Nullable(StatusReason)),
      ...cutMarks,
    }),
  },
  'lane.session.lost': {
    means: 'Its process or runner died',
    payload: Type.Object({ reason: Type.String(), message: Type.String(), details: Type.Optional(Type.Unknown()), ...cutMarks }),
  },
  'lane.session.hibernated': {
    means: 'Its idle process was ended; the next prompt starts it again',
    payload: Type.Object({ why: Type.Enum(['idle', 'shutdown']), ...cutMarks }),
  },
  'lane.session.request.raised': {
    means: 'Codex asks something that a person has to answer',
    payload: Type.Object({
      ...OpenRequest.properties,
      reason: Type.String(),
      request: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'What is needed to decide' })),
      availableDecisions: Type.Optional(Type.Array(Type.String())),
      ...cutMarks,
    }),
  },
  'lane.session.request.answered': {
    means: 'The answer was written to Codex',
    payload: Type.Object({ approvalId: Type.String(), ...cutMarks }),
  },
  'lane.session.request.closed': {
    means: 'Codex no longer waits for an answer',
    payload: Type.Object({ approvalId: Type.String(), reason: Type.String(), ...cutMarks }),
  },
} as const
