import { type Static, Type } from 'typebox'
import { type Aggregate, LaneId, Nullable, Timestamp } from '../foundation/ids.ts'

/** The event catalogue: every type the bridge itself names, by the aggregate that owns it, with what it means. */
export const EVENT_TYPES = {
  lane: {
    'lane.created': 'A lane exists',
    'lane.updated': 'Its description changed',
    'lane.attached': 'A thread was attached',
    'lane.synced': 'Its description was refreshed from the thread',
    'lane.status.changed': 'Its status changed to one without an event of its own; payload has from, to, reason',
    'lane.completed': 'Its unit of work is done (and verified, where commands exist)',
    'lane.failed': 'Its turn, verification or recovery failed; payload has the cause',
    'lane.blocked': 'It cannot go on without an outside change; payload says which',
    'lane.interrupted': 'Its turn was interrupted; payload says by what',
    'lane.deleted': 'It is gone',
    'lane.thread.updated': 'The watcher saw its thread change outside the bridge',
  },
  session: {
    'lane.session.claimed': 'A runner took the lane; its epoch fences every earlier owner',
    'lane.session.started': 'The app-server answers and the thread is loaded',
    'lane.session.recovered': 'As started, after a loss',
    'lane.session.deferred': 'The thread is still not ready, for another reason than before',
    'lane.session.ready': 'The thread became ready after a deferral',
    'lane.session.stopped': 'Ended by command or because it could not start',
    'lane.session.lost': 'Its process or runner died',
    'lane.session.hibernated': 'Its idle process was ended; the next prompt wakes it',
    'lane.session.request.raised': 'Codex asks something that a person has to answer',
    'lane.session.request.answered': 'The answer was written to Codex',
    'lane.session.request.closed': 'Codex no longer waits for an answer',
    'lane.turn.requested': 'A prompt was accepted and stored, before Codex hears of it',
    'lane.turn.started': 'Codex runs the turn',
    'lane.turn.steered': 'Input was added to the running turn',
    'lane.turn.stalled': 'The turn made no progress for too long; the bridge interrupts it',
    'lane.turn.completed': 'The canonical end of a turn: exactly one per turn, however it ended',
    'lane.turn.skipped.readiness_deferred': 'The kickoff was not sent: the thread is not ready',
    'lane.subagent.changed': 'A sub-agent of its thread appeared, was named, began or ended work, or is being ended',
    'lane.verification.started': 'The bridge runs the verification commands',
    'lane.verification.completed': 'Their results',
    'lane.usage.updated': 'Tokens used so far',
  },
  approval: {
    'lane.approval.requested': 'A person has to decide',
    'lane.approval.resolved': 'Decided',
    'lane.approval.delivered': 'The decision reached Codex',
    'lane.approval.expired': 'Nobody decided in time; denied',
    'lane.approval.orphaned': 'Codex no longer waits for it',
  },
} as const

export type LaneEventType = keyof (typeof EVENT_TYPES)['lane']
export type SessionEventType = keyof (typeof EVENT_TYPES)['session'] | `lane.${string}.notification`
export type ApprovalEventType = keyof (typeof EVENT_TYPES)['approval']
export type EventType = LaneEventType | SessionEventType | ApprovalEventType

const laneTypes: ReadonlySet<string> = new Set(Object.keys(EVENT_TYPES.lane))
const approvalTypes: ReadonlySet<string> = new Set(Object.keys(EVENT_TYPES.approval))

/** Which aggregate an event belongs to. Forwarded notifications are the session's. */
export const aggregateOf = (eventType: string): Aggregate =>
  laneTypes.has(eventType) ? 'lane' : approvalTypes.has(eventType) ? 'approval' : 'session'

/** Longest name of a method that becomes part of an event type. */
const METHOD_MAX = 128

/**
 * Type of a forwarded app-server notification: `turn/started` → `lane.turn.started.notification`. Types travel in headers and
 * queries: whatever a later version of Codex may call its methods, the type is short and plain. The payload has the name as it is.
 */
export const notificationEventType = (method: string): `lane.${string}.notification` =>
  `lane.${method
    .slice(0, METHOD_MAX)
    .replaceAll('/', '.')
    .replaceAll(/[^A-Za-z0-9._-]/g, '_')}.notification`

/** What is stored in the stream; the sequence is not part of the body because the server assigns it. */
export const StoredEvent = Type.Object({
  id: Type.String({ pattern: '^evt_[0-9A-Za-z]+$' }),
  ts: Timestamp,
  type: Type.String(),
  laneId: LaneId,
  threadId: Nullable(Type.String()),
  sessionId: Nullable(Type.String()),
  turnId: Type.Optional(Nullable(Type.String())),
  epoch: Type.Optional(Type.Integer()),
  commandId: Type.Optional(Type.String()),
  payload: Type.Record(Type.String(), Type.Unknown()),
  state: Type.Record(Type.String(), Type.Unknown()),
})
export type StoredEvent = Static<typeof StoredEvent>

/** An event as every consumer sees it: `seq` is its stream sequence, growing over all lanes. */
export const BridgeEvent = Type.Object(
  { seq: Type.Integer({ minimum: 1 }), ...StoredEvent.properties },
  { $id: 'Event', description: 'One entry of the event log' },
)
export type BridgeEvent = Static<typeof BridgeEvent>

/** One page of a lane's events, in order. */
export const EventPage = Type.Object({ events: Type.Array(BridgeEvent), nextCursor: Nullable(Type.String()) })
export type EventPage = Static<typeof EventPage>

/** Payloads over this many bytes are cut and marked; the stream refuses messages of twice the size. */
export const MAX_PAYLOAD_BYTES = 256 * 1024
export const MAX_MESSAGE_BYTES = 2 * MAX_PAYLOAD_BYTES
