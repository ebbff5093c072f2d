import { AggregateStore, type EventLog, type Version } from '@codex-bridge/bus'
import { BridgeError, type BridgeEvent, isEventOf, type LaneState } from '@codex-bridge/contracts'
import { stampEvent } from '@codex-bridge/service-kit'
import type { LaneDraft } from '../lanes/lane-decider.ts'
import type { LaneProjection } from '../projection/lane-projection.ts'
import { decideWaiting, type Surroundings } from './approval-overlay.ts'
import { decideFromEvent } from './status-decider.ts'

/** The policy must not skip an event, so it waits out any outage of the broker. */
const WAIT_OUT = { patienceMs: Number.POSITIVE_INFINITY } as const
/** How long the policy waits for the projection before the event is handed over again, in milliseconds. */
const PROJECTION_WAIT_MS = 5000

/** Announces statuses: appends the lane events that follow from session and approval events. Only the leader runs it. */
export class StatusPolicy {
  readonly #projection: LaneProjection
  readonly #lanes: AggregateStore<'lane'>

  constructor(log: EventLog, projection: LaneProjection) {
    this.#projection = projection
    this.#lanes = new AggregateStore(log, 'lane', stampEvent)
  }

  /**
   * Stores what follows from one event. A repetition stores nothing. Call it for every event, in order.
   * @throws BridgeError `bus_unavailable` while the projection has not folded the event
   */
  async answer(event: BridgeEvent): Promise<void> {
    await this.#folded(event.seq)
    if (!isEventOf(event, 'session') && !isEventOf(event, 'approval')) return
    const now = new Date().toISOString()
    await this.#append(event.laneId, (version) => decideFromEvent(version, event, now))
    await this.#append(event.laneId, (version, around) => decideWaiting(version, around, event, now))
  }

  async #append(laneId: string, decide: (version: Version<LaneState>, around: Surroundings) => LaneDraft | undefined): Promise<void> {
    const around = this.#projection.get(laneId)
    if (!around) return
    // Memory is enough to decide, most often that nothing changes. The log refuses what was decided on an old version.
    const stored = this.#projection.stored(laneId)
    const { event } = await this.#lanes.transact(laneId, (version) => decide(version, around), WAIT_OUT, stored)
    if (event) await this.#folded(event.seq)
  }

  async #folded(seq: number): Promise<void> {
    if (await this.#projection.reached(seq, PROJECTION_WAIT_MS)) return
    throw new BridgeError('bus_unavailable', `The projection has not reached ${seq}`)
  }
}
