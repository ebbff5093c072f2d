import { setTimeout as sleep } from 'node:timers/promises'
import type { LeaseTable } from '@codex-bridge/bus'
import { BridgeError, type ReconcileBody, type ReconcileResult } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import { isLive, type LaneAggregates } from '../lanes/lane-view.ts'
import type { LaneProjection } from '../projection/lane-projection.ts'
import { LIVE_STATUSES } from '../status/status-reducer.ts'
import type { SessionClient } from './session-client.ts'
import type { SessionLifecycle } from './session-lifecycle.ts'

export type ReconcilerOptions = {
  projection: LaneProjection
  leases: LeaseTable
  sessions: SessionClient
  lifecycle: SessionLifecycle
  logger: Logger
  intervalMs: number
}

/**
 * Keeps the log true to the world: a session that the log calls live has a living owner, and a lane that shows a live status
 * has a live session. An owner counts as gone when its lease expired or its process is provably dead, and nobody answers.
 */
export class SessionReconciler {
  readonly #options: ReconcilerOptions

  constructor(options: ReconcilerOptions) {
    this.#options = options
  }

  /** Checks again and again until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(this.#options.intervalMs, undefined, { signal }).catch(() => undefined)
      if (!signal.aborted)
        await this.reconcile().catch((error: unknown) => this.#options.logger.warn({ err: error }, 'reconciliation failed'))
    }
  }

  /**
   * `POST /debug/reconcile-stale`: a pass now. Lanes that show a live status without a session are cleared unless the one flag is
   * off, sessions whose owner is gone are recovered, and their turns ended, unless the other is.
   */
  async reconcileNow({ clearSyntheticRunningLanes = true, clearOrphanedActiveTurns = true }: ReconcileBody): Promise<ReconcileResult> {
    await this.#options.projection.current()
    const suspects = this.#options.projection.live()
    const wanted = ({ session }: LaneAggregates) => (isLive(session) ? clearOrphanedActiveTurns : clearSyntheticRunningLanes)
    const acted = new Set(await this.reconcile(wanted))
    const of = (live: boolean) =>
      suspects.filter(({ lane, session }) => acted.has(lane.laneId) && isLive(session) === live).map(({ lane }) => lane.laneId)
    return { checked: suspects.length, clearedLanes: of(false), recoveredSessions: of(true) }
  }

  /** One pass over the suspects that are wanted. @returns the lanes it acted on */
  async reconcile(wanted: (suspect: LaneAggregates) => boolean = () => true): Promise<string[]> {
    const { projection, leases } = this.#options
    await projection.current()
    const suspects = projection.live().filter(wanted)
    if (suspects.length === 0) return []
    const holders = await leases.holders('lane.')
    const acted: string[] = []
    for (const suspect of suspects) {
      const { laneId } = suspect.lane
      const holder = holders.get(laneId)
      if (holder && !leases.isDead(holder)) continue
      if (await this.#repair(suspect)) acted.push(laneId)
    }
    return acted
  }

  async #repair({ lane, session, seq }: LaneAggregates): Promise<boolean> {
    const { lifecycle, sessions, projection, logger } = this.#options
    try {
      if (await sessions.status(lane.laneId)) return false
      // Anything that happened since the snapshot means that somebody is at work: look again next time.
      if (projection.get(lane.laneId)?.seq !== seq) return false
      logger.warn({ laneId: lane.laneId, phase: session?.phase, status: lane.status }, 'nobody owns a session that should be live')
      if (isLive(session) && session?.incarnation === lane.incarnation) await lifecycle.recover(lane)
      else if (LIVE_STATUSES.has(lane.status)) {
        await lifecycle.correct(lane.laneId, 'idle', { code: 'reconciled', message: 'No live session stands behind the status' })
      }
      return true
    } catch (error) {
      // The lane stays suspect; no runner, or a start that failed and said so in the log.
      logger.warn({ laneId: lane.laneId, code: BridgeError.from(error).code }, 'session not recovered yet')
      return false
    }
  }
}
