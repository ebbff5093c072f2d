import { decodeEvent } from '@codex-bridge/bus'
import {
  type Aggregate,
  type ApprovalEvent,
  type BridgeEvent,
  type EventOf,
  isEventOf,
  type LaneState,
  type SessionEvent,
} from '@codex-bridge/contracts'
import type { LaneAggregates } from '../lanes/lane-view.ts'
import type { Surroundings } from '../status/approval-overlay.ts'
import { stateAfter } from '../status/status-decider.ts'

/** A lane's aggregates. `sessionAt` is the time of its session's last event, undefined when it never had one. */
export type ProjectedLane = LaneAggregates & { sessionAt: string | undefined }

/** An event as it arrives, not decoded yet. */
export type ArrivedEvent = { aggregate: Aggregate; seq: number; type: string; bytes: Uint8Array }

/** The newest event of an aggregate. Decoded when somebody needs it: most forwarded notifications are superseded before. */
class Newest {
  readonly seq: number
  #bytes: Uint8Array | undefined
  #event: BridgeEvent | undefined

  constructor(seq: number, bytes?: Uint8Array) {
    this.seq = seq
    this.#bytes = bytes
  }

  get event(): BridgeEvent | undefined {
    if (this.#bytes) this.#event = decodeEvent(this.#bytes, this.seq).event
    this.#bytes = undefined
    return this.#event
  }
}

/** One lane in memory: the newest event of each of its aggregates, and the events that the status policy has yet to answer. */
export class LaneEntry {
  readonly #newest: Partial<Record<Aggregate, Newest>> = {}
  /** Session and approval events that change the lane's status, and that no lane event reflects yet; oldest first. */
  #unanswered: (SessionEvent | ApprovalEvent)[] = []
  #deletedAt: string | undefined
  #current: { lane: ProjectedLane | undefined } | undefined

  /**
   * Takes over an event. One older than the newest of its aggregate changes no state: a rebuild reads some events twice.
   * @returns false for bytes that are no event
   */
  absorb({ aggregate, seq, type, bytes }: ArrivedEvent): boolean {
    const newest = new Newest(seq, bytes)
    const isForwarded = type.endsWith('.notification')
    if (!isForwarded && !newest.event) return false
    if (seq > (this.#newest[aggregate]?.seq ?? 0)) {
      this.#newest[aggregate] = newest
      this.#current = undefined
      if (aggregate === 'lane') this.#noteDeletion()
      else if (this.#deletedAt !== undefined) this.#newest[aggregate] = new Newest(seq)
    }
    // Forwarded notifications change neither the status nor what a person is asked.
    if (isForwarded || this.#deletedAt !== undefined) return true
    if (aggregate !== 'lane') this.#await(newest.event)
    this.dropAnswered()
    return true
  }

  /** The lane, with the status its events lead to even before a lane event says so. Undefined when there is none or it was deleted. */
  get lane(): ProjectedLane | undefined {
    this.#current ??= { lane: this.#assemble() }
    return this.#current.lane
  }

  /** The lane aggregate as stored, to append to. */
  get stored(): { state: LaneState | undefined; seq: number } {
    return { state: this.#event('lane')?.state, seq: this.#newest.lane?.seq ?? 0 }
  }

  /** True while the status policy owes the lane an event. */
  get isUnanswered(): boolean {
    return this.#unanswered.length > 0
  }

  /** When the lane was deleted; for events without a lane, when the last of them was stored. Undefined for a lane that is there. */
  get deletedAt(): string | undefined {
    if (this.#newest.lane) return this.#deletedAt
    return Object.values(this.#newest)
      .map(({ event }) => event?.ts ?? '')
      .sort()
      .at(-1)
  }

  /** Sequence of the newest event. */
  get seq(): number {
    return Math.max(0, ...Object.values(this.#newest).map(({ seq }) => seq))
  }

  /**
   * Grows with every event absorbed. The highest sequence would not: the policy's answer is known before events that were stored
   * ahead of it are absorbed by a rebuild.
   */
  get version(): number {
    return Object.values(this.#newest).reduce((sum, { seq }) => sum + seq, 0)
  }

  #assemble(): ProjectedLane | undefined {
    const { state, seq } = this.stored
    if (!state || state.deleted) return
    const around = this.#around()
    const lane = this.#unanswered.reduce((current, event) => stateAfter({ state: current, seq }, around, event), state)
    return { lane, ...around, seq: this.seq, sessionAt: this.#newest.session?.event?.ts }
  }

  #await(event: BridgeEvent | undefined): void {
    if (!event || !(isEventOf(event, 'session') || isEventOf(event, 'approval')) || this.#unanswered.some(({ seq }) => seq === event.seq))
      return
    this.#unanswered = [...this.#unanswered, event].sort((left, right) => left.seq - right.seq)
  }

  /**
   * Keeps the events that would still change the lane if the policy came to them now.
   * @param upTo sequence up to which the policy is known to have answered whatever needed it
   */
  dropAnswered(upTo = 0): void {
    if (this.#unanswered.length === 0) return
    this.#unanswered = this.#unanswered.filter((event) => event.seq > upTo)
    this.#current = undefined
    const { state, seq } = this.stored
    if (!state) return
    const around = this.#around()
    let current = state
    this.#unanswered = this.#unanswered.filter((event) => {
      const next = stateAfter({ state: current, seq }, around, event)
      const changes = next !== current
      current = next
      return changes
    })
  }

  /** Only its sequences are kept of a deleted lane. */
  #noteDeletion(): void {
    const event = this.#event('lane')
    this.#deletedAt = event?.state.deleted ? event.ts : undefined
    if (this.#deletedAt === undefined) return
    this.#unanswered = []
    for (const [aggregate, { seq }] of Object.entries(this.#newest)) this.#newest[aggregate as Aggregate] = new Newest(seq)
  }

  #around(): Surroundings {
    return { session: this.#event('session')?.state, approvals: this.#event('approval')?.state }
  }

  #event<A extends Aggregate>(aggregate: A): EventOf<A> | undefined {
    const event = this.#newest[aggregate]?.event
    return event && isEventOf(event, aggregate) ? event : undefined
  }
}
