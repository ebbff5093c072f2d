import {
  AggregateStore,
  type Bus,
  Checkpoint,
  decodeEvent,
  type EventLog,
  followEvents,
  JsonBucket,
  readLatest,
  resumePoint,
  type Version,
} from '@codex-bridge/bus'
import { type Aggregate, type BridgeEvent, BUCKETS, isEventOf, type LaneState, type StateOf, subjects } from '@codex-bridge/contracts'
import { type Logger, stampEvent } from '@codex-bridge/service-kit'
import type { SnapshotStore } from '@codex-bridge/store'
import { decideFromEvent, type LaneDraft } from '../lanes/lane-decider.ts'
import { isLive, type LaneAggregates, laneView, sessionView } from '../lanes/lane-view.ts'
import { decideWaiting, type Surroundings } from '../status/approval-overlay.ts'
import { LIVE_STATUSES } from '../status/status-reducer.ts'

/** How often Redis is compared with the projection, and the progress of the status policy is stored, in milliseconds. */
const UPKEEP_EVERY_MS = 1000

/** The policy must not skip an event, so it waits out any outage of the broker. */
const WAIT_OUT = { patienceMs: Number.POSITIVE_INFINITY } as const

const CHECKPOINT_KEY = 'checkpoint.lane-registry'

/** A lane as the log has it. `sessionAt` is the time of its session's last event, undefined when it never had one. */
export type ProjectedLane = LaneAggregates & { sessionAt: string | undefined }

type Waiter = { seq: number; resolve: () => void }
type Known<S> = { state: S; seq: number; ts: string }
type Entry = { [A in Aggregate]?: Known<StateOf<A>> | undefined }

/** What is known after an event: the first events after a rebuild are older than it. */
const newer = <S>(known: Known<S> | undefined, { state, seq, ts }: Known<S>): Known<S> =>
  known && known.seq >= seq ? known : { state, seq, ts }

/**
 * Folds the event log, in order, into the present state of every lane, and keeps Redis equal to it. On the way it is the
 * status policy: a session or approval event that changes its lane's status is answered by a lane event, appended before the
 * next event is looked at, so whoever sees this projection at a sequence sees the statuses that follow from it.
 *
 * The memory of this process is rebuilt from the log at every start (every event carries its aggregate's state); Redis is a
 * copy of it and is written anew whenever it turns out to be empty or was away.
 */
export class LaneProjector {
  readonly #bus: Bus
  readonly #log: EventLog
  readonly #lanes: AggregateStore<'lane'>
  readonly #store: SnapshotStore
  readonly #logger: Logger
  readonly #entries = new Map<string, Entry>()
  #processed = 0
  #waiters: Waiter[] = []
  /** The rounds of copying under way: one being written and one that waits for it, at most. */
  #copying: Promise<void> = Promise.resolve()
  /** Lanes the waiting round will copy, and whether they were deleted since the last one. */
  readonly #uncopied = new Map<string, { deleted: boolean }>()
  #uncopiedUpTo = 0
  #copyBroken = true
  /** Redis is being written anew: events folded meanwhile are copied, but no checkpoint vouches for the copy yet. */
  #repairing = false
  #leading = false

  constructor(bus: Bus, log: EventLog, store: SnapshotStore, logger: Logger) {
    this.#bus = bus
    this.#log = log
    this.#lanes = new AggregateStore(log, 'lane', stampEvent)
    this.#store = store
    this.#logger = logger
  }

  /** True while this process folds the log. */
  get leading(): boolean {
    return this.#leading
  }

  /** Sequence of the last event folded in. */
  get processed(): number {
    return this.#processed
  }

  /** True while Redis is known to equal the projection. */
  get copied(): boolean {
    return !this.#copyBroken
  }

  /** The lanes whose log says that an app-server process belongs to them, and those that show a live status. */
  live(): ProjectedLane[] {
    return this.all().filter(({ session, lane }) => isLive(session) || LIVE_STATUSES.has(lane.status))
  }

  /** A lane's aggregates, undefined where there is none or it was deleted. */
  get(laneId: string): ProjectedLane | undefined {
    const entry = this.#entries.get(laneId)
    const lane = entry?.lane?.state
    if (!entry || !lane || lane.deleted) return
    return {
      lane,
      session: entry.session?.state,
      approvals: entry.approval?.state,
      seq: Math.max(...Object.values(entry).map((known) => known?.seq ?? 0)),
      sessionAt: entry.session?.ts,
    }
  }

  /** Every lane. */
  all(): ProjectedLane[] {
    return [...this.#entries.keys()].map((laneId) => this.get(laneId)).filter((aggregates) => aggregates !== undefined)
  }

  /** Resolves when everything up to a sequence is folded and copied, or after `timeoutMs`. */
  async reached(seq: number, timeoutMs: number): Promise<void> {
    if (seq > this.#processed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs)
        this.#waiters.push({
          seq,
          resolve: () => {
            clearTimeout(timer)
            resolve()
          },
        })
      })
    }
    await this.#copying
  }

  /** Rebuilds, then folds until the signal fires. Run it as leader. */
  async run(signal: AbortSignal): Promise<void> {
    const checkpoints = await JsonBucket.open(this.#bus, BUCKETS.settings, Checkpoint)
    let stored = await resumePoint(this.#bus, (await checkpoints.get(CHECKPOINT_KEY))?.value.seq ?? 0)
    await this.#rebuild()
    this.#processed = stored
    this.#leading = true
    const upkeep = async () => {
      if (this.#processed > stored) {
        const seq = this.#processed
        await checkpoints.put(CHECKPOINT_KEY, { seq }).then(() => {
          stored = seq
        })
      }
      await this.#repairCopy()
    }
    const guardedUpkeep = () => upkeep().catch((error: unknown) => this.#logger.warn({ err: error }, 'upkeep failed'))
    await guardedUpkeep()
    const timer = setInterval(guardedUpkeep, UPKEEP_EVERY_MS)
    try {
      const observe = (problem: string) => this.#logger.warn({ problem }, 'projector')
      await followEvents(this.#bus, { from: stored + 1, signal, observe, decode: decodeEvent }, (event) => this.#fold(event))
    } finally {
      clearInterval(timer)
      this.#leading = false
      await guardedUpkeep()
    }
  }

  async #rebuild(): Promise<void> {
    this.#entries.clear()
    for (const event of await readLatest(this.#bus, subjects.allEvents, decodeEvent)) this.#absorb(event)
    this.#copyBroken = true
    this.#logger.info({ lanes: this.#entries.size }, 'projection rebuilt from the log')
  }

  async #fold(event: BridgeEvent): Promise<void> {
    this.#absorb(event)
    this.#copy(event.laneId, event.seq)
    await this.#derive(event)
    this.#processed = Math.max(this.#processed, event.seq)
    this.#wake()
  }

  /** The lane events that follow from a session or approval event, each stored and absorbed before the next is looked for. */
  async #derive(event: BridgeEvent): Promise<void> {
    if (!isEventOf(event, 'session') && !isEventOf(event, 'approval')) return
    const now = new Date().toISOString()
    await this.#answer(event, (version) => decideFromEvent(version, event, now))
    await this.#answer(event, (version, around) => decideWaiting(version, around, event, now))
  }

  async #answer(event: BridgeEvent, decide: (version: Version<LaneState>, around: Surroundings) => LaneDraft | undefined): Promise<void> {
    const known = this.get(event.laneId)
    if (!known) return
    // What is in memory is enough to decide, most often that nothing changes; the log refuses what was decided on an old version.
    const version = { state: known.lane, seq: this.#entries.get(event.laneId)?.lane?.seq ?? 0 }
    const { event: derived } = await this.#lanes.transact(event.laneId, (current) => decide(current, known), WAIT_OUT, version)
    if (!derived) return
    this.#absorb(derived)
    this.#copy(derived.laneId, event.seq)
  }

  /** Takes over an event's state unless a newer one is known. */
  #absorb(event: BridgeEvent): void {
    const entry = this.#entries.get(event.laneId) ?? {}
    if (isEventOf(event, 'lane')) entry.lane = newer(entry.lane, event)
    else if (isEventOf(event, 'session')) entry.session = newer(entry.session, event)
    else if (isEventOf(event, 'approval')) entry.approval = newer(entry.approval, event)
    else return
    this.#entries.set(event.laneId, entry)
  }

  /**
   * Has a lane written to Redis with the round that waits, if one does: a lane that changes faster than Redis answers is written
   * once for many events. A failure is repaired as a whole by the upkeep.
   */
  #copy(laneId: string, checkpoint: number): void {
    if (this.#copyBroken && !this.#repairing) return
    const isWaiting = this.#uncopied.size > 0
    this.#uncopied.set(laneId, { deleted: this.#uncopied.get(laneId)?.deleted === true || !this.get(laneId) })
    this.#uncopiedUpTo = checkpoint
    if (isWaiting) return
    this.#copying = this.#copying
      .then(() => this.#copyRound())
      .catch((error: unknown) => {
        if (!this.#copyBroken) this.#logger.warn({ err: error }, 'Redis is behind and will be written anew')
        this.#copyBroken = true
        this.#repairing = false
      })
  }

  async #copyRound(): Promise<void> {
    const lanes = [...this.#uncopied]
    this.#uncopied.clear()
    if (this.#copyBroken && !this.#repairing) return
    // One made anew under a deleted id has another place in the list: the old place must go first.
    await Promise.all(lanes.map(([laneId, { deleted }]) => deleted && this.#store.remove(laneId)))
    // One connection keeps the order: whoever reads the checkpoint finds everything up to it.
    const writes = lanes.map(([laneId]) => this.#write(laneId))
    await Promise.all([...writes, this.#store.advance(this.#repairing ? 0 : this.#uncopiedUpTo)])
  }

  /**
   * Grows with every event folded into the lane. The highest sequence would not: a derived event is known before those that
   * were stored ahead of it are folded, and what they change would not be written over it.
   */
  #versionOf(laneId: string): number {
    return Object.values(this.#entries.get(laneId) ?? {}).reduce((sum, known) => sum + (known?.seq ?? 0), 0)
  }

  async #write(laneId: string): Promise<void> {
    const aggregates = this.get(laneId)
    if (!aggregates) return
    await this.#store.write({
      laneId,
      seq: this.#versionOf(laneId),
      createdAt: aggregates.lane.createdAt,
      lane: JSON.stringify(laneView(aggregates)),
      session: aggregates.session ? JSON.stringify(sessionView(aggregates)) : null,
    })
  }

  /** Writes everything when Redis was away, is empty, or is behind what was written to it. */
  async #repairCopy(): Promise<void> {
    if (!this.#store.ready) {
      this.#copyBroken = true
      return
    }
    const written = this.#processed
    await this.#copying
    const checkpoint = await this.#store.checkpoint()
    if (!this.#copyBroken && checkpoint !== undefined && checkpoint >= written) return
    if (checkpoint !== undefined && checkpoint > (await this.#log.extent()).lastSeq) await this.#store.clear()
    this.#copyBroken = true
    this.#repairing = true
    try {
      const lanes = this.all().map(({ lane }) => lane.laneId)
      // Events folded while this runs are copied as usual, and newer snapshots win by their sequence.
      for (const laneId of lanes) await this.#write(laneId)
      await this.#store.prune((laneId) => this.get(laneId) !== undefined)
      await this.#copying
      // A copy that failed on the way has ended the repair; the next upkeep begins anew.
      if (!this.#repairing) return
      this.#copyBroken = false
      this.#repairing = false
      await this.#store.advance(this.#processed)
      this.#logger.info({ lanes: lanes.length, checkpoint: this.#processed }, 'Redis written anew')
    } catch (error) {
      this.#copyBroken = true
      throw error
    } finally {
      this.#repairing = false
    }
  }

  #wake(): void {
    if (this.#waiters.length === 0) return
    const due = this.#waiters.filter(({ seq }) => seq <= this.#processed)
    this.#waiters = this.#waiters.filter(({ seq }) => seq > this.#processed)
    for (const { resolve } of due) resolve()
  }
}
