import { guard, misfit } from '../foundation/validate.ts'
import { aggregateOf, type BridgeEvent, STATES, schemaOf } from './catalogue.ts'
import { type EventEnvelope, StoredEvent } from './envelope.ts'

/** A parsed body: the event, or why it is not one. */
export type Parsed<E extends EventEnvelope> = { event: E; problem?: never } | { event?: never; problem: string }

const isStored = guard(StoredEvent)

/** The event of a body, as far as every event has it. Enough to match and forward it; payload and state are not checked. */
export const parseEnvelope = (body: unknown, seq: number): Parsed<EventEnvelope> => {
  if (!isStored(body)) {
    const problem = misfit(StoredEvent, body)
    return { problem: `not an event: ${problem?.path} ${problem?.message}` }
  }
  return { event: { seq, ...body } }
}

/**
 * The event of a body, with payload and state checked against the schemas of its type. The payload of a type that only a newer
 * version knows is left unchecked, its state is checked by the aggregate it belongs to.
 */
export const parseEvent = (body: unknown, seq: number): Parsed<BridgeEvent & EventEnvelope> => {
  const { event, problem } = parseEnvelope(body, seq)
  if (!event) return { problem }
  const known = schemaOf(event.type)
  if (!known && !event.type.startsWith('lane.')) return { problem: `unknown type ${event.type}` }
  const aggregate = aggregateOf(event)
  const wrongState = aggregate && misfit(STATES[aggregate], event.state)
  if (wrongState) return { problem: `state of ${event.type}: ${wrongState.path} ${wrongState.message}` }
  const wrongPayload = known && misfit(known.payload, event.payload)
  if (wrongPayload) return { problem: `payload of ${event.type}: ${wrongPayload.path} ${wrongPayload.message}` }
  // The checks above are what the type says; the compiler cannot follow them through the table of schemas.
  return { event: event as BridgeEvent & EventEnvelope }
}
