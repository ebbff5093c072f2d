import type { Static, TObject } from 'typebox'
import { ApprovalsState } from '../approvals/approval.ts'
import { AGGREGATES, type Aggregate } from '../foundation/ids.ts'
import { LaneState } from '../lanes/lane.ts'
import { SessionState } from '../sessions/session.ts'
import { APPROVAL_EVENTS } from './approval-events.ts'
import type { EventEnvelope } from './envelope.ts'
import { LANE_EVENTS } from './lane-events.ts'
import { SESSION_EVENTS } from './session-events.ts'
import { NotificationPayload, TURN_EVENTS } from './turn-events.ts'

/** Every event type the bridge names, by the aggregate that owns it: what it means, and the schema of its payload. */
export const EVENTS = {
  lane: LANE_EVENTS,
  session: { ...SESSION_EVENTS, ...TURN_EVENTS },
  approval: APPROVAL_EVENTS,
} as const

/** State after an event, by the aggregate that owns it. Every event carries it. */
export const STATES = { lane: LaneState, session: SessionState, approval: ApprovalsState } as const
export type StateOf<A extends Aggregate> = Static<(typeof STATES)[A]>

/** Forwarded app-server notifications: one family of types, `lane.<method>.notification`. */
export const NOTIFICATION = {
  pattern: '^lane\\..+\\.notification$',
  means: 'A notification of the app-server, as Codex sent it',
  payload: NotificationPayload,
} as const

type Schemas = (typeof EVENTS)['lane'] & (typeof EVENTS)['session'] & (typeof EVENTS)['approval']
type NotificationType = `lane.${string}.notification`
type Types = {
  lane: keyof (typeof EVENTS)['lane']
  session: keyof (typeof EVENTS)['session'] | NotificationType
  approval: keyof (typeof EVENTS)['approval']
}

/** The types an aggregate's owner writes. Forwarded notifications belong to the session. */
export type EventTypeOf<A extends Aggregate> = Types[A]
type EventType = EventTypeOf<Aggregate>

export type PayloadOf<T extends EventType> = T extends keyof Schemas ? Static<Schemas[T]['payload']> : Static<typeof NotificationPayload>

type Context = Omit<EventEnvelope, 'seq' | 'id' | 'ts' | 'type' | 'payload' | 'state'>

/** An event before it has an id and a time: what deciders return, with the state it leads to. */
export type DraftOf<A extends Aggregate, T extends EventType> = Context & { type: T; payload: PayloadOf<T>; state: StateOf<A> }
type Drafts = { [A in Aggregate]: { [T in EventTypeOf<A>]: DraftOf<A, T> }[EventTypeOf<A>] }
export type Draft<A extends Aggregate> = Drafts[A]

declare const unknownType: unique symbol
/** The type of an event that this version does not know. Comparing it with a known type never matches. */
type UnknownType = `lane.${string}` & { readonly [unknownType]: true }

type Stored = Pick<EventEnvelope, 'seq' | 'id' | 'ts'>

/** An event of a newer version. Its payload is opaque; its state is typed when it belongs to an aggregate of this version. */
type OpaqueEvent<S = Record<string, unknown>> = Stored & Context & { type: UnknownType; payload: Record<string, unknown>; state: S }

type Events = {
  [A in Aggregate]: { [T in EventTypeOf<A>]: Stored & DraftOf<A, T> }[EventTypeOf<A>] | OpaqueEvent<StateOf<A>>
}
export type EventOf<A extends Aggregate> = Events[A]
export type SessionEvent = EventOf<'session'>
export type ApprovalEvent = EventOf<'approval'>

/** Any event of the log, discriminated by `type`. */
export type BridgeEvent = EventOf<Aggregate> | OpaqueEvent

/** The event of one type. */
export type EventOfType<T extends EventType> = Extract<BridgeEvent, { type: T }>

const owners = new Map<string, { aggregate: Aggregate; payload: TObject }>(
  AGGREGATES.flatMap((aggregate) =>
    Object.entries(EVENTS[aggregate]).map(([type, { payload }]) => [type, { aggregate, payload }] as const),
  ),
)

/** Owner and payload schema of a type; undefined when this version does not know it. */
export const schemaOf = (type: string): { aggregate: Aggregate; payload: TObject } | undefined =>
  owners.get(type) ?? (isNotificationType(type) ? { aggregate: 'session', payload: NotificationPayload } : undefined)

const isNotificationType = (type: string): type is NotificationType => /^lane\..+\.notification$/s.test(type)

/** An aggregate's states have these fields and no other aggregate's do: they tell the owner of a type this version does not know. */
const OWN_FIELDS = { lane: 'statusSince', session: 'phase', approval: 'pending' } as const
const byState = (state: object): Aggregate | undefined =>
  (['session', 'approval', 'lane'] as const).find((aggregate) => Object.hasOwn(state, OWN_FIELDS[aggregate]))

/** Which aggregate an event belongs to; undefined for an aggregate of a newer version. */
export const aggregateOf = ({ type, state }: { type: string; state: object }): Aggregate | undefined =>
  schemaOf(type)?.aggregate ?? byState(state)

/** Narrows an event to those of one aggregate. */
export const isEventOf = <A extends Aggregate>(event: BridgeEvent, aggregate: A): event is EventOf<A> => aggregateOf(event) === aggregate

/** Longest method name that becomes part of an event type. */
const METHOD_MAX = 128

/**
 * Type of a forwarded app-server notification: `turn/started` becomes `lane.turn.started.notification`. Types travel in headers and
 * queries, so they are kept short and plain whatever a later Codex calls its methods. The payload has the original name.
 */
export const notificationEventType = (method: string): NotificationType =>
  `lane.${method
    .slice(0, METHOD_MAX)
    .replaceAll('/', '.')
    .replaceAll(/[^A-Za-z0-9._-]/g, '_')}.notification`
