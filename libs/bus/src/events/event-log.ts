import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Aggregate,
  BridgeError,
  type EventOf,
  isEventOf,
  MAX_MESSAGE_BYTES,
  STREAMS,
  type StoredEvent,
  subjects,
} from '@codex-bridge/contracts'
import { headers } from 'nats'
import type { Bus } from '../bus.ts'
import { decodeEnvelope, decodeEvent, encodeJson } from '../connection/codec.ts'
import { isConflict, isNotFound, isRefusal } from '../connection/nats-errors.ts'

/** Another writer moved the aggregate: reload and decide again, or, for a single owner, stop as fenced. */
export class ConflictError extends Error {
  readonly expected: number
  readonly actual: number

  constructor(subject: string, expected: number, actual: number) {
    super(`${subject} is at ${actual}, expected ${expected}`)
    this.name = 'ConflictError'
    this.expected = expected
    this.actual = actual
  }
}

export type AppendOptions = {
  /** Stop trying when this fires; what was sent may still be stored. */
  signal?: AbortSignal | undefined
  /** Give up after this many milliseconds without a clear answer. Default: 30 000. Infinity waits out any outage. */
  patienceMs?: number
}

type LastMessage = { seq: number; bytes: Uint8Array }

const RETRY_PAUSE_MS = 100

/** One try of an append, in milliseconds: short, because what was sent during an outage is dropped without a word. */
const TRY_MS = 1500

/** The event log: appends with optimistic concurrency, reads by subject and by sequence. */
export class EventLog {
  readonly #bus: Bus

  constructor(bus: Bus) {
    this.#bus = bus
  }

  /**
   * Stores one event as the next of its aggregate. The event's id is the message id, so a retry never stores it twice, and
   * a lost acknowledgement is resolved by reading what the subject ends with.
   * @returns the stream sequence
   * @throws ConflictError when another writer was first; BridgeError `bus_unavailable` when patience ran out
   */
  async append(aggregate: Aggregate, event: StoredEvent, expect: number, options: AppendOptions = {}): Promise<number> {
    const subject = subjects.event(event.laneId, aggregate)
    const body = encodeJson(event)
    if (body.length > MAX_MESSAGE_BYTES) throw new BridgeError('internal_error', `event of ${body.length} bytes is over the limit`)
    const head = headers()
    head.set('Lane-Event-Type', event.type)
    if (event.commandId) head.set('Lane-Command-Id', event.commandId)
    if (event.epoch !== undefined) head.set('Lane-Epoch', String(event.epoch))
    const deadline = Date.now() + (options.patienceMs ?? 30_000)
    for (;;) {
      try {
        const ack = await this.#bus.js.publish(subject, body, {
          msgID: event.id,
          expect: { lastSubjectSequence: expect },
          headers: head,
          timeout: TRY_MS,
        })
        return ack.seq
      } catch (error) {
        if (isRefusal(error) && !isConflict(error))
          throw new BridgeError('bus_unavailable', 'The event log refused an event', { cause: error })
        const stored = await this.#resolve(subject, event.id, expect)
        if (stored !== undefined) return stored
        if (options.signal?.aborted || Date.now() > deadline) {
          throw new BridgeError('bus_unavailable', 'The event log did not answer', { cause: error })
        }
        await sleep(RETRY_PAUSE_MS)
      }
    }
  }

  /** After a failed publish: the sequence if it was stored after all, undefined to try again, ConflictError otherwise. */
  async #resolve(subject: string, id: string, expect: number): Promise<number | undefined> {
    let last: LastMessage | undefined
    try {
      last = await this.#lastRaw(subject)
    } catch {
      return
    }
    if (last && decodeEnvelope(last.bytes, last.seq).event?.id === id) return last.seq
    const actual = last?.seq ?? 0
    if (actual !== expect) throw new ConflictError(subject, expect, actual)
    // A conflict although nothing moved: a clustered server may report one for its own unapplied write. Ask again.
    return
  }

  async #lastRaw(subject: string): Promise<LastMessage | undefined> {
    try {
      const message = await this.#bus.jsm.streams.getMessage(STREAMS.events, { last_by_subj: subject })
      return { seq: message.seq, bytes: message.data }
    } catch (error) {
      if (isNotFound(error)) return
      throw error
    }
  }

  /**
   * The newest event of an aggregate; its `state` is the aggregate's state.
   * @throws BridgeError `bus_unavailable`; `internal_error` when it does not fit its schema, because nothing may be built on it
   */
  async last<A extends Aggregate>(laneId: string, aggregate: A): Promise<EventOf<A> | undefined> {
    const subject = subjects.event(laneId, aggregate)
    const last = await this.#lastRaw(subject).catch((cause: unknown) => {
      throw new BridgeError('bus_unavailable', 'The event log does not answer', { cause })
    })
    if (!last) return
    const { event, problem } = decodeEvent(last.bytes, last.seq)
    if (event && isEventOf(event, aggregate)) return event
    const cause = new Error(problem ?? `${event?.type} is no event of ${aggregate}`)
    throw new BridgeError('internal_error', `The last event on ${subject} cannot be read`, { cause })
  }

  /** First and last sequence of the stream, and its size. */
  async extent(): Promise<{ firstSeq: number; lastSeq: number; messages: number; bytes: number }> {
    const info = await this.#bus.jsm.streams.info(STREAMS.events).catch((cause: unknown) => {
      throw new BridgeError('bus_unavailable', 'The event log does not answer', { cause })
    })
    return { firstSeq: info.state.first_seq, lastSeq: info.state.last_seq, messages: info.state.messages, bytes: info.state.bytes }
  }

  /**
   * Removes the events of a deleted lane up to and including a sequence. What came later stays: it belongs to a lane created again under
   * the same id. The lane aggregate goes last, so that after a crash in between the log still says that the lane was deleted.
   * @throws BridgeError `bus_unavailable`
   */
  async purgeLane(laneId: string, upTo: number): Promise<void> {
    for (const aggregate of ['session', 'approval', 'lane'] as const) {
      await this.#bus.jsm.streams
        .purge(STREAMS.events, { filter: subjects.event(laneId, aggregate), seq: upTo + 1 })
        .catch((cause: unknown) => {
          throw new BridgeError('bus_unavailable', 'The event log was not purged', { cause })
        })
    }
  }
}
