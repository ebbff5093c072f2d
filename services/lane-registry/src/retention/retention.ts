import { setTimeout as sleep } from 'node:timers/promises'
import { type Bus, type EventLog, reactorCheckpoint } from '@codex-bridge/bus'
import { CHECKPOINTS } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import type { DeletedLane, LaneProjection } from '../projection/lane-projection.ts'
import type { RedisCopy } from '../projection/redis-copy.ts'
import { isAlarming, planPurge, type RetentionPolicy } from './retention-plan.ts'

/** Pause between two passes, in milliseconds. */
const PASS_EVERY_MS = 5000

export type RetentionOptions = {
  bus: Bus
  log: EventLog
  projection: LaneProjection
  copy: RedisCopy
  policy: RetentionPolicy
  logger: Logger
}

/** Size of the event log against its limit. */
export type LogSize = { bytes: number; limitBytes: number | null; alarm: boolean }

/**
 * Removes the events of deleted lanes from the log once nobody needs them. Live lanes are never touched: their events are bounded per
 * subject by the stream itself.
 */
export class Retention {
  readonly #options: RetentionOptions

  constructor(options: RetentionOptions) {
    this.#options = options
  }

  /** What /health shows of the log's size. */
  sizeOf(bytes: number): LogSize {
    const { policy } = this.#options
    return { bytes, limitBytes: policy.maxBytes || null, alarm: isAlarming(bytes, policy) }
  }

  /** Purges what is due, again and again until the signal fires. Only the leader runs it. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.purge(signal).catch((error: unknown) => this.#options.logger.warn({ err: error }, 'purge failed, will be tried again'))
      await sleep(PASS_EVERY_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Forgets lanes that the leader has purged, again and again until the signal fires. Every registry runs it. */
  async forget(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(PASS_EVERY_MS, undefined, { signal }).catch(() => undefined)
      await this.forgetPurged(signal).catch((error: unknown) => this.#options.logger.warn({ err: error }, 'purged lanes not forgotten'))
    }
  }

  /** One pass. @returns how many lanes were purged */
  async purge(signal?: AbortSignal): Promise<number> {
    const { log, copy, policy, logger } = this.#options
    // A snapshot that is still to be removed from Redis is compared with the events of its lane.
    if (!copy.isIntact) return 0
    const { due, early } = await this.#plan()
    const purged: string[] = []
    for (const lane of due) {
      if (signal?.aborted) break
      await this.#purge(lane)
      purged.push(lane.laneId)
    }
    for (const lane of early) {
      if (signal?.aborted || (await log.extent()).bytes <= policy.maxBytes) break
      await this.#purge(lane)
      purged.push(lane.laneId)
    }
    if (purged.length > 0) logger.info({ lanes: purged.length }, 'events of deleted lanes purged')
    return purged.length
  }

  async #plan() {
    const { bus, projection, policy } = this.#options
    await projection.current()
    const deleted = projection.deleted()
    if (deleted.length === 0) return { due: [], early: [] }
    const handled = await Promise.all(Object.values(CHECKPOINTS).map((name) => reactorCheckpoint(bus, name)))
    return planPurge(deleted, policy, Math.min(...handled), Date.now())
  }

  async #purge({ laneId, seq }: DeletedLane): Promise<void> {
    await this.#options.log.purgeLane(laneId, seq)
    this.#options.projection.forget(laneId, seq)
  }

  /** One pass of forgetting. */
  async forgetPurged(signal?: AbortSignal): Promise<void> {
    const { log, projection } = this.#options
    const { due, early } = await this.#plan()
    for (const { laneId, seq } of [...due, ...early]) {
      if (signal?.aborted) return
      if ((await log.last(laneId, 'lane')) === undefined) projection.forget(laneId, seq)
    }
  }
}
