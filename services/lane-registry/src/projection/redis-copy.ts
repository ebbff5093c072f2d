import type { EventLog } from '@codex-bridge/bus'
import { SerialQueue } from '@codex-bridge/platform'
import type { Logger } from '@codex-bridge/service-kit'
import type { SnapshotStore } from '@codex-bridge/store'
import { laneJson, sessionJson } from '../lanes/lane-view.ts'
import type { LaneProjection } from './lane-projection.ts'

/** How often Redis is compared with the projection, in milliseconds. */
const UPKEEP_EVERY_MS = 1000

export type RedisCopyOptions = { projection: LaneProjection; log: EventLog; store: SnapshotStore; logger: Logger }

/**
 * Keeps Redis equal to the projection, for lists. Only the leader writes it. A lane that changes faster than Redis responds is written
 * once for many events. A failed write, an outage or an emptied Redis is repaired by writing everything again.
 */
export class RedisCopy {
  readonly #projection: LaneProjection
  readonly #log: EventLog
  readonly #store: SnapshotStore
  readonly #logger: Logger
  readonly #queue = new SerialQueue()
  /** Lanes of the waiting round, and whether they were deleted since the last one. */
  readonly #changed = new Map<string, { deleted: boolean }>()
  #upTo = 0
  /** The checkpoint in Redis, as this process left it. */
  #checkpoint = 0
  #isBroken = true
  /** Everything is being written again. Changes are copied meanwhile, but no checkpoint vouches for the copy yet. */
  #isRepairing = false

  constructor({ projection, log, store, logger }: RedisCopyOptions) {
    this.#projection = projection
    this.#log = log
    this.#store = store
    this.#logger = logger
  }

  /** True while Redis is known to equal the projection. */
  get isIntact(): boolean {
    return !this.#isBroken
  }

  /**
   * Copies until the signal fires.
   * @param upTo sequence up to which every event and the statuses that follow from it are in the projection
   */
  async run(signal: AbortSignal, upTo: number): Promise<void> {
    this.#upTo = upTo
    this.#isBroken = true
    const upkeep = () => this.#repair().catch((error: unknown) => this.#logger.warn({ err: error }, 'Redis is not written yet'))
    await upkeep()
    const timer = setInterval(upkeep, UPKEEP_EVERY_MS)
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    clearInterval(timer)
    await upkeep()
  }

  /** Copies a lane because of the event at `seq`. Call it for every event, in order, once the status policy has answered it. */
  changed(laneId: string, seq: number): void {
    this.#upTo = Math.max(this.#upTo, seq)
    if (this.#isBroken && !this.#isRepairing) return
    const isWaiting = this.#changed.size > 0
    this.#changed.set(laneId, { deleted: this.#changed.get(laneId)?.deleted === true || !this.#projection.get(laneId) })
    if (!isWaiting) void this.#inTurn(() => this.#copyRound())
  }

  /** Redis is read and written by one task at a time, so that no checkpoint vouches for a write that is not sent yet. */
  #inTurn(task: () => Promise<void>): Promise<void> {
    return this.#queue.run(task).catch((error: unknown) => {
      if (!this.#isBroken) this.#logger.warn({ err: error }, 'Redis is behind and will be written again')
      this.#isBroken = true
      this.#isRepairing = false
    })
  }

  async #copyRound(): Promise<void> {
    const lanes = [...this.#changed]
    const upTo = this.#upTo
    this.#changed.clear()
    if (this.#isBroken && !this.#isRepairing) return
    // A lane created again under a deleted id has another place in the list: the old place must be removed first.
    await Promise.all(lanes.map(([laneId, { deleted }]) => deleted && this.#store.remove(laneId)))
    // One connection keeps the order: a reader of the checkpoint finds everything up to it.
    const writes = lanes.map(([laneId]) => this.#write(laneId))
    await Promise.all([...writes, this.#advance(this.#isRepairing ? 0 : upTo)])
  }

  /** @throws Error when Redis is not as this process left it */
  async #advance(upTo: number): Promise<void> {
    const from = this.#checkpoint
    if (!(await this.#store.advance(from, upTo))) throw new Error(`the checkpoint in Redis is not ${from} any more`)
    this.#checkpoint = upTo
  }

  async #write(laneId: string): Promise<void> {
    const lane = this.#projection.get(laneId)
    if (!lane) return
    await this.#store.write({
      laneId,
      seq: this.#projection.versionOf(laneId),
      createdAt: lane.lane.createdAt,
      lane: laneJson(lane),
      session: lane.session ? sessionJson(lane) : null,
    })
  }

  /** Writes everything when Redis was away, was emptied, or is behind what was written to it. */
  async #repair(): Promise<void> {
    if (!this.#store.ready) this.#isBroken = true
    else if (await this.#needsRepair()) {
      await this.#writeAll()
      await this.#inTurn(() => this.#finishRepair())
    }
  }

  async #needsRepair(): Promise<boolean> {
    let isNeeded = false
    await this.#inTurn(async () => {
      const checkpoint = await this.#store.checkpoint()
      if (!this.#isBroken && checkpoint === this.#checkpoint) return
      if (checkpoint !== undefined && checkpoint > (await this.#log.extent()).lastSeq) await this.#store.clear()
      await this.#store.reset(0)
      this.#checkpoint = 0
      this.#isBroken = true
      this.#isRepairing = true
      isNeeded = true
    })
    return isNeeded
  }

  async #writeAll(): Promise<void> {
    try {
      // Changes are copied as usual while this runs; newer snapshots win by their version.
      for (const { lane } of this.#projection.all()) await this.#write(lane.laneId)
      await this.#store.prune((laneId) => this.#projection.get(laneId) !== undefined)
    } catch (error) {
      this.#isRepairing = false
      throw error
    }
  }

  async #finishRepair(): Promise<void> {
    // A failed round of copying has ended the repair; the next upkeep starts over.
    if (!this.#isRepairing) return
    this.#isRepairing = false
    this.#isBroken = false
    await this.#copyRound()
    this.#logger.info({ checkpoint: this.#checkpoint }, 'Redis written from the projection')
  }
}
