import { type Static, Type } from 'typebox'
import { LaneId, Nullable, Timestamp } from '../foundation/ids.ts'

/**
 * The body of every event, whatever its type. It has no sequence: the server assigns that. Payload and state are typed by the event
 * type, see catalogue.ts.
 */
export const StoredEvent = Type.Object({
  id: Type.String({ pattern: '^evt_[0-9A-Za-z]+$', description: 'Also the message id, so an event is never stored twice' }),
  ts: Timestamp,
  type: Type.String({ description: 'Event type, also in the header `Lane-Event-Type`' }),
  laneId: LaneId,
  threadId: Nullable(Type.String()),
  sessionId: Nullable(Type.String()),
  turnId: Type.Optional(Nullable(Type.String())),
  epoch: Type.Optional(Type.Integer({ description: 'Epoch of the session that wrote it' })),
  commandId: Type.Optional(Type.String({ description: 'Command that caused it' })),
  payload: Type.Record(Type.String(), Type.Unknown()),
  state: Type.Record(Type.String(), Type.Unknown(), { description: 'State of the aggregate after the event' }),
})
export type StoredEvent = Static<typeof StoredEvent>

/** An event with its stream sequence, which grows over all lanes. */
export const EventEnvelope = Type.Object(
  { seq: Type.Integer({ minimum: 1 }), ...StoredEvent.properties },
  { $id: 'Event', description: 'One entry of the event log' },
)
export type EventEnvelope = Static<typeof EventEnvelope>

/** One page of a lane's events, in order. */
export const EventPage = Type.Object({ events: Type.Array(EventEnvelope), nextCursor: Nullable(Type.String()) })
export type EventPage = Static<typeof EventPage>

/** Session payloads over this many bytes are cut and marked; the stream refuses messages over twice the size. */
export const MAX_PAYLOAD_BYTES = 256 * 1024
export const MAX_MESSAGE_BYTES = 2 * MAX_PAYLOAD_BYTES

/**
 * Marks of a payload that was cut. Short fields stay, long texts are shortened and large objects are left out, so every field of a
 * session payload that can be a large object is optional.
 */
export const cutMarks = {
  truncated: Type.Optional(Type.Literal(true, { description: 'The payload was over the limit and was cut' })),
  originalBytes: Type.Optional(Type.Integer()),
  preview: Type.Optional(Type.String({ description: 'Beginning of the payload as JSON text' })),
  fetch: Type.Optional(Type.String({ description: 'Path of the API that returns the whole thread' })),
}
