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
import { poll } from '@codex-bridge/platform'
import { InvalidSnapshotError, type Page, type SnapshotStore } from '@codex-bridge/store'
import type { ProjectedLane } from '../projection/lane-entry.ts'
import type { LaneProjection } from '../projection/lane-projection.ts'
import { passesFilter } from './lane-filter.ts'
import { pageOf } from './lane-page.ts'
import { type LaneAggregates, laneJson, laneView, sessionJson, sessionView } from './lane-view.ts'

/** How long a list waits for Redis to catch up before it is made from memory, and how often it looks, in milliseconds. */
const COPY_WAIT_MS = 500
const COPY_POLL_MS = 5

/** A page of events ends before it gets larger: a message of the bus holds two such pages. One event is never too large. */
const EVENTS_PAGE_BYTES = 2 * MAX_MESSAGE_BYTES

export type LaneQueriesOptions = { bus: Bus; log: EventLog; store: SnapshotStore; projection: LaneProjection }

/**
 * Reads, right in every registry. A single lane comes from the projection. Lists come from Redis, or from the projection when Redis is
 * behind because no leader writes it. A lane's history comes from the log.
 */
export class LaneQueries {
  readonly #bus: Bus
  readonly #log: EventLog
  readonly #store: SnapshotStore
  readonly #projection: LaneProjection

  constructor({ bus, log, store, projection }: LaneQueriesOptions) {
    this.#bus = bus
    this.#log = log
    this.#store = store
    this.#projection = projection
  }

  /** JSON text of a lane. @throws BridgeError `lane_not_found` */
  async laneText(laneId: string, minSeq = 0): Promise<RawJson> {
    return new RawJson(laneJson(await this.#read(laneId, minSeq)))
  }

  /** JSON text of a lane's session; the empty form when it never had one. @throws BridgeError `lane_not_found` */
  async sessionText(laneId: string, minSeq = 0): Promise<RawJson> {
    return new RawJson(sessionJson(await this.#read(laneId, minSeq)))
  }

  /** @throws BridgeError `lane_not_found` */
  async lane(laneId: string, minSeq = 0): Promise<Lane> {
    return laneView(await this.#read(laneId, minSeq))
  }

  /** @throws BridgeError `lane_not_found` */
  async session(laneId: string, minSeq = 0): Promise<Session> {
    return sessionView(await this.#read(laneId, minSeq))
  }

  /** A page of lanes, newest first. @throws BridgeError `invalid_cursor`, `store_unavailable` */
  async lanes(query: RequestOf<typeof Registry.listLanes>): Promise<RawJson> {
    const { filter, limit, cursor } = query
    const accepts = filter ? { accepts: (text: string) => passesFilter(JSON.parse(text) as Lane, filter) } : {}
    const page = await this.#listed<Page>(
      query.minSeq ?? 0,
      () => this.#store.lanes({ limit, cursor, ...accepts }),
      () => pageOf(this.#projection.all(), { limit, cursor, ...accepts }),
    )
    return new RawJson(`{"lanes":[${page.texts.join(',')}],"nextCursor":${JSON.stringify(page.nextCursor)}}`)
  }

  /** Every session, of the newest lane first. @throws BridgeError `store_unavailable` */
  async sessions(): Promise<RawJson> {
    const texts = await this.#listed<string[]>(
      0,
      () => this.#store.sessions(),
      () => {
        const { lanes } = pageOf(this.#projection.all(), { limit: Number.POSITIVE_INFINITY })
        return lanes.filter(({ session }) => session !== undefined).map(sessionJson)
      },
    )
    return new RawJson(`{"sessions":[${texts.join(',')}],"nextCursor":null}`)
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

  async #read(laneId: string, minSeq: number): Promise<ProjectedLane> {
    const lane = await this.#projection.read(laneId, minSeq)
    if (!lane) throw new BridgeError('lane_not_found', `No lane ${laneId}`)
    return lane
  }

  /** A list as Redis has it, once Redis shows everything stored before the request; otherwise as memory has it. */
  async #listed<T>(minSeq: number, stored: () => Promise<T>, remembered: () => T): Promise<T> {
    await this.#projection.current()
    const upTo = Math.max(minSeq, this.#projection.processed)
    const copied = async () => {
      // One connection keeps the order: the list shows at least what the checkpoint before it vouches for.
      try {
        const [checkpoint, list] = await Promise.all([this.#store.checkpoint(), stored()])
        return checkpoint !== undefined && checkpoint >= upTo && { list }
      } catch (error) {
        // Another version wrote it. The leader writes everything again when it starts.
        if (error instanceof InvalidSnapshotError) return
        throw error
      }
    }
    const found = await poll(copied, { timeoutMs: COPY_WAIT_MS, everyMs: COPY_POLL_MS })
    return found ? found.list : remembered()
  }
}
