import { setTimeout as sleep } from 'node:timers/promises'
import { type Bus, decodeEnvelope, type EventLog, RawJson, readRange } from '@codex-bridge/bus'
import {
  BridgeError,
  type EventEnvelope,
  type EventPage,
  type Lane,
  MAX_MESSAGE_BYTES,
  matchesAnyPattern,
  type Registry,
  type RequestOf,
  type Session,
  subjects,
} from '@codex-bridge/contracts'
import type { SnapshotStore } from '@codex-bridge/store'
import type { LaneProjector } from '../projection/lane-projector.ts'
import { passesFilter } from './lane-filter.ts'
import { type LaneAggregates, laneView, sessionView } from './lane-view.ts'

/** How long a read with `minSeq` waits for the projection before it answers with what there is, in milliseconds. */
const MIN_SEQ_WAIT_MS = 3000

/** A page of events ends before it gets larger: a message of the bus holds two such pages. One event is never too large. */
const EVENTS_PAGE_BYTES = 2 * MAX_MESSAGE_BYTES

/**
 * Reads. Lists come from Redis. A single lane comes from the projection where this process folds the log, else from Redis, and from
 * the log itself while Redis is away.
 */
export class LaneQueries {
  readonly #bus: Bus
  readonly #log: EventLog
  readonly #store: SnapshotStore
  readonly #projector: LaneProjector

  constructor(bus: Bus, log: EventLog, store: SnapshotStore, projector: LaneProjector) {
    this.#bus = bus
    this.#log = log
    this.#store = store
    this.#projector = projector
  }

  /** JSON text of a lane. @throws BridgeError `lane_not_found` */
  async laneText(laneId: string, minSeq = 0): Promise<RawJson> {
    return await this.#text(laneId, minSeq, () => this.#store.lane(laneId), laneView)
  }

  /** JSON text of a lane's session; the empty form where it never had one. @throws BridgeError `lane_not_found` */
  async sessionText(laneId: string, minSeq = 0): Promise<RawJson> {
    return await this.#text(laneId, minSeq, () => this.#store.session(laneId), sessionView)
  }

  async lane(laneId: string, minSeq = 0): Promise<Lane> {
    return JSON.parse((await this.laneText(laneId, minSeq)).text) as Lane
  }

  async session(laneId: string, minSeq = 0): Promise<Session> {
    return JSON.parse((await this.sessionText(laneId, minSeq)).text) as Session
  }

  async lanes(query: RequestOf<typeof Registry.listLanes>): Promise<RawJson> {
    await this.caughtUp(query.minSeq ?? 0)
    const { filter } = query
    const accepts = filter ? { accepts: (text: string) => passesFilter(JSON.parse(text) as Lane, filter) } : {}
    const { texts, nextCursor } = await this.#store.lanes({ limit: query.limit, cursor: query.cursor, ...accepts })
    return new RawJson(`{"lanes":[${texts.join(',')}],"nextCursor":${JSON.stringify(nextCursor)}}`)
  }

  async sessions(): Promise<RawJson> {
    return new RawJson(`{"sessions":[${(await this.#store.sessions()).join(',')}],"nextCursor":null}`)
  }

  /**
   * Events of one lane in order; fewer than asked for where they are large, with a cursor for the rest. A deleted lane's events stay
   * readable until they are purged.
   * @throws BridgeError `lane_not_found`
   */
  async events(query: RequestOf<typeof Registry.laneEvents>): Promise<EventPage> {
    const [{ lastSeq }, last] = await Promise.all([this.#log.extent(), this.#log.last(query.laneId, 'lane')])
    if (!last) throw new BridgeError('lane_not_found', `No lane ${query.laneId}`)
    const events: EventEnvelope[] = []
    let bytes = 0
    const range = { from: query.after + 1, to: lastSeq, filter: subjects.laneEvents(query.laneId) }
    for await (const raw of readRange(this.#bus, range)) {
      if (query.types && !matchesAnyPattern(query.types, raw.type)) continue
      bytes += raw.bytes.length
      const full = events.length === query.limit || (events.length > 0 && bytes > EVENTS_PAGE_BYTES)
      if (full) return { events, nextCursor: String(events.at(-1)?.seq ?? query.after) }
      const { event } = decodeEnvelope(raw.bytes, raw.seq)
      if (event) events.push(event)
    }
    return { events, nextCursor: null }
  }

  /** A lane's aggregates straight from the log. @throws BridgeError `lane_not_found` */
  async aggregates(laneId: string): Promise<LaneAggregates> {
    const [lane, session, approvals] = await Promise.all([
      this.#log.last(laneId, 'lane'),
      this.#log.last(laneId, 'session'),
      this.#log.last(laneId, 'approval'),
    ])
    const state = lane?.state
    if (!lane || !state || state.deleted) throw new BridgeError('lane_not_found', `No lane ${laneId}`)
    return {
      lane: state,
      session: session?.state,
      approvals: approvals?.state,
      seq: Math.max(lane.seq, session?.seq ?? 0, approvals?.seq ?? 0),
    }
  }

  async #text(
    laneId: string,
    minSeq: number,
    stored: () => Promise<string | undefined>,
    view: (aggregates: LaneAggregates) => unknown,
  ): Promise<RawJson> {
    await this.caughtUp(minSeq)
    // Whoever folds the log has the newest at hand; what it has not folded yet, the log itself tells.
    if (this.#projector.leading) {
      return new RawJson(JSON.stringify(view(this.#projector.get(laneId) ?? (await this.aggregates(laneId)))))
    }
    const text = await stored().catch((error: unknown) => {
      if (error instanceof BridgeError && error.code === 'store_unavailable') return
      throw error
    })
    return text === undefined ? new RawJson(JSON.stringify(view(await this.aggregates(laneId)))) : new RawJson(text)
  }

  /** Waits, not for long, until what is read shows everything up to a sequence. */
  async caughtUp(minSeq: number): Promise<void> {
    if (minSeq <= 0) return
    if (this.#projector.leading) {
      await this.#projector.reached(minSeq, MIN_SEQ_WAIT_MS)
      return
    }
    const deadline = Date.now() + MIN_SEQ_WAIT_MS
    while (Date.now() < deadline) {
      const checkpoint = await this.#store.checkpoint().catch(() => undefined)
      if (checkpoint === undefined || checkpoint >= minSeq) return
      await sleep(10)
    }
  }
}
