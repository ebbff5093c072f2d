import { setTimeout as sleep } from 'node:timers/promises'
import { type Bus, type EventLog, type RawEvent, reactorCheckpoint, readLatestRaw, readRange, subscribeLive } from '@codex-bridge/bus'
import { type Aggregate, BridgeError, CHECKPOINTS, subjects } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import { isLive } from '../lanes/lane-view.ts'
import { LIVE_STATUSES } from '../status/status-reducer.ts'
import { LaneEntry, type ProjectedLane } from './lane-entry.ts'

/** Names the checkpoint of the status policy: how far the leader has announced the statuses that follow from the log. */
export const POLICY = CHECKPOINTS.registry

/** How long a read with `minSeq` waits for that sequence before it is answered with what there is, in milliseconds. */
const MIN_SEQ_WAIT_MS = 3000
/** How long a read waits for the status policy before it shows what the policy will say, in milliseconds. */
const ANSWER_WAIT_MS = 1000
/** How long a request waits for a projection that lost its connection and catches up, in milliseconds. */
const CATCH_UP_WAIT_MS = 5000
/** Pause before another attempt to catch up, in milliseconds. */
const RETRY_MS = 250

/** `seq`: the newest event of the lane. */
export type DeletedLane = { laneId: string; seq: number; deletedAt: string }

type Waiter = { isDone: () => boolean; resolve: (isDone: boolean) => void; timer: NodeJS.Timeout }

/**
 * The present state of every lane, in the memory of every registry: rebuilt from the event log at the start, then followed live.
 *
 * A read sees what was stored before it was asked for. One server sends the live copy of an event to its subscribers before it
 * confirms the event to the writer, and a connection keeps the order: by the time somebody who knows of the event asks, it is folded.
 * Between the servers of a cluster that does not hold, so there the stream is asked for its last sequence. A projection that lost its
 * connection answers nothing until it has read what it missed.
 */
export class LaneProjection {
  readonly #bus: Bus
  readonly #log: EventLog
  readonly #logger: Logger
  readonly #entries = new Map<string, LaneEntry>()
  /** Everything up to here is folded. */
  #processed = 0
  /** Newest event that came live. Some before it may be missing while this is not in sync. */
  #newest = 0
  #inSync = false
  #attempt = 0
  #lastSeq: Promise<number> | undefined
  readonly #waiters = new Set<Waiter>()

  constructor({ bus, log, logger }: { bus: Bus; log: EventLog; logger: Logger }) {
    this.#bus = bus
    this.#log = log
    this.#logger = logger
  }

  /** Follows the log until the signal fires. Resolves when it has caught up for the first time. */
  async start(signal: AbortSignal): Promise<void> {
    const unsubscribe = subscribeLive(this.#bus, (message) => this.#follow(message))
    const offReconnect = this.#bus.onReconnect(() => void this.#sync(signal))
    signal.addEventListener('abort', () => {
      unsubscribe()
      offReconnect()
    })
    await this.#sync(signal)
  }

  /** Sequence up to which everything is folded. */
  get processed(): number {
    return this.#processed
  }

  /** A lane as folded so far, undefined where there is none or it was deleted. */
  get(laneId: string): ProjectedLane | undefined {
    return this.#entries.get(laneId)?.lane
  }

  /** The lane aggregate as stored, to append to. */
  stored(laneId: string): LaneEntry['stored'] {
    return this.#entries.get(laneId)?.stored ?? { state: undefined, seq: 0 }
  }

  /** Grows with every event of the lane. */
  versionOf(laneId: string): number {
    return this.#entries.get(laneId)?.version ?? 0
  }

  /** Deleted lanes whose events are in the log, and events that no lane goes with. Complete only right after `current`. */
  deleted(): DeletedLane[] {
    return [...this.#entries].flatMap(([laneId, { deletedAt, seq }]) => (deletedAt === undefined ? [] : [{ laneId, seq, deletedAt }]))
  }

  /** Forgets a deleted lane that was purged, unless something came after `seq`. */
  forget(laneId: string, seq: number): void {
    if (this.#entries.get(laneId)?.seq === seq) this.#entries.delete(laneId)
  }

  /** Every lane as folded so far. */
  all(): ProjectedLane[] {
    return [...this.#entries.values()].map(({ lane }) => lane).filter((lane) => lane !== undefined)
  }

  /** The lanes whose log says that an app-server process belongs to them, and those that show a live status. */
  live(): ProjectedLane[] {
    return this.all().filter(({ session, lane }) => isLive(session) || LIVE_STATUSES.has(lane.status))
  }

  /**
   * Resolves when everything stored before this call is folded.
   * @throws BridgeError `bus_unavailable` while the projection cannot catch up
   */
  async current(): Promise<void> {
    if (!this.#isInSync() && !(await this.#until(() => this.#isInSync(), CATCH_UP_WAIT_MS))) {
      throw new BridgeError('bus_unavailable', 'This registry has lost the event log and is catching up')
    }
    if (this.#bus.nc.info?.cluster === undefined) return
    const lastSeq = await this.#askLastSeq()
    if (!(await this.reached(lastSeq, CATCH_UP_WAIT_MS))) {
      throw new BridgeError('bus_unavailable', `This registry is at ${this.#processed}, the event log at ${lastSeq}`)
    }
  }

  /** @returns false when a sequence was not folded within `timeoutMs` */
  async reached(seq: number, timeoutMs: number): Promise<boolean> {
    return await this.#until(() => this.#processed >= seq, timeoutMs)
  }

  /**
   * A lane as it is now, with everything stored before this call and up to `minSeq`, and the statuses that follow from that.
   * @returns undefined where there is none or it was deleted
   * @throws BridgeError `bus_unavailable`
   */
  async read(laneId: string, minSeq = 0): Promise<ProjectedLane | undefined> {
    await this.current()
    if (minSeq > this.#processed) await this.reached(minSeq, MIN_SEQ_WAIT_MS)
    const entry = this.#entries.get(laneId)
    if (entry?.isUnanswered && !(await this.#until(() => !entry.isUnanswered, ANSWER_WAIT_MS))) {
      entry.dropAnswered(await reactorCheckpoint(this.#bus, POLICY))
    }
    return this.get(laneId)
  }

  #isInSync(): boolean {
    return this.#inSync && this.#bus.connected()
  }

  /** The stream's last sequence, asked for after this call; calls of one turn of the event loop share the question. */
  #askLastSeq(): Promise<number> {
    this.#lastSeq ??= new Promise(setImmediate).then(async () => {
      this.#lastSeq = undefined
      return (await this.#log.extent()).lastSeq
    })
    return this.#lastSeq
  }

  #follow(event: RawEvent): void {
    this.#absorb(event)
    this.#newest = Math.max(this.#newest, event.seq)
    if (this.#inSync) this.#processed = this.#newest
    this.#wake()
  }

  /** Reads what was missed, again and again until that succeeds or a newer break of the connection makes it pointless. */
  async #sync(signal: AbortSignal): Promise<void> {
    this.#inSync = false
    this.#attempt += 1
    const attempt = this.#attempt
    while (attempt === this.#attempt && !signal.aborted) {
      try {
        const upTo = await this.#catchUp()
        if (attempt !== this.#attempt) return
        this.#processed = Math.max(upTo, this.#newest)
        this.#inSync = true
        this.#wake()
        return
      } catch (error) {
        this.#logger.warn({ err: error }, 'the projection has not caught up yet')
        await sleep(RETRY_MS)
      }
    }
  }

  /** @returns the sequence up to which everything is folded then; what is stored later arrives live */
  async #catchUp(): Promise<number> {
    const { lastSeq } = await this.#log.extent()
    let from = this.#processed
    if (from === 0 || lastSeq < from) {
      // Nothing is known yet, or the stream was replaced.
      this.#entries.clear()
      this.#newest = 0
      for await (const event of readLatestRaw(this.#bus, subjects.allEvents)) this.#absorb(event)
      // What the status policy has not come to yet may lie behind the newest events.
      from = await reactorCheckpoint(this.#bus, POLICY)
      this.#logger.info({ lanes: this.#entries.size, lastSeq }, 'projection rebuilt from the log')
    }
    for await (const event of readRange(this.#bus, { from: from + 1, to: lastSeq })) this.#absorb(event)
    return lastSeq
  }

  #absorb({ seq, subject, type, bytes }: RawEvent): void {
    const [, , laneId = '', aggregate] = subject.split('.')
    const entry = this.#entries.get(laneId) ?? new LaneEntry()
    this.#entries.set(laneId, entry)
    if (!entry.absorb({ aggregate: aggregate as Aggregate, seq, type, bytes })) {
      this.#logger.warn({ seq, subject }, 'passed over: not an event')
    }
  }

  #until(isDone: () => boolean, timeoutMs: number): Promise<boolean> {
    if (isDone()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter)
        resolve(false)
      }, timeoutMs)
      const waiter = { isDone, resolve, timer }
      this.#waiters.add(waiter)
    })
  }

  #wake(): void {
    for (const waiter of this.#waiters) {
      if (!waiter.isDone()) continue
      this.#waiters.delete(waiter)
      clearTimeout(waiter.timer)
      waiter.resolve(true)
    }
  }
}
