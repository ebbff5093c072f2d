import { setTimeout as sleep } from 'node:timers/promises'
import { type Bus, decodeEvent, EventLog, readRange, type WorkQueue } from '@codex-bridge/bus'
import { type BridgeEvent, subjects } from '@codex-bridge/contracts'
import { matches, SubscriptionIndex } from '../subscriptions/subscription-matcher.ts'
import { eventKeyOf, type SubscriptionRecord } from '../subscriptions/subscription-record.ts'
import type { SubscriptionStore } from '../subscriptions/subscription-store.ts'
import type { DeliveryJob } from './delivery-job.ts'

/**
 * A subscription made by another process reaches this one a moment late, and events may have been planned without it. This
 * long after its creation, seeing one for the first time means looking back.
 */
const LOOK_BACK_MS = 60_000

/** Pause before the next try of a call the broker did not answer. */
const RETRY_MS = 500

/**
 * Turns each event into one job per matching subscription. Jobs are stored under `subscriptionId:eventId`, so planning an
 * event twice within the queue's dedupe window stores nothing twice; after the window, or when the queue forgot because the
 * broker restarted, it costs a second delivery with the same `webhook-id`.
 */
export class JobPlanner {
  readonly #bus: Bus
  readonly #store: SubscriptionStore
  readonly #jobs: WorkQueue
  readonly #seen = new Set<string>()
  /** Subscriptions that may have missed events planned before they were known here. */
  readonly #late: SubscriptionRecord[] = []
  #index: SubscriptionIndex | undefined
  #position = 0
  #ended = false
  #tail: Promise<unknown> = Promise.resolve()
  #offChange: () => void = () => undefined

  constructor(bus: Bus, store: SubscriptionStore, jobs: WorkQueue) {
    this.#bus = bus
    this.#store = store
    this.#jobs = jobs
  }

  /** Call before the first event: takes note of the subscriptions, and looks back for those made just before this term. */
  async begin(): Promise<void> {
    this.#position = (await new EventLog(this.#bus).extent()).lastSeq
    this.#offChange = this.#store.onChange((id) => {
      this.#index = undefined
      this.#lookBack(id)
    })
    for (const { id } of this.#store.all()) this.#lookBack(id)
  }

  end(): void {
    this.#ended = true
    this.#offChange()
  }

  /** The reaction to one event: resolves when all its jobs are stored. */
  plan(event: BridgeEvent): Promise<void> {
    return this.#inTurn(async () => {
      await this.#catchUp()
      if (this.#late.length > 0) throw new Error('the term ended before a new subscription had what it missed')
      this.#index ??= new SubscriptionIndex(this.#store.all())
      await Promise.all(this.#index.match(event).map((record) => this.#publish(record, event)))
      this.#position = Math.max(this.#position, event.seq)
    })
  }

  /** Resolves when what is being planned now is stored. */
  async settled(): Promise<void> {
    await this.#tail
  }

  /** One thing at a time, so that the jobs of a subscription are stored in the order of their events. */
  #inTurn(run: () => Promise<void>): Promise<void> {
    const turn = this.#tail.then(run)
    this.#tail = turn.catch(() => undefined)
    return turn
  }

  #lookBack(id: string): void {
    const record = this.#store.peek(id)
    if (!record || this.#seen.has(id)) return
    this.#seen.add(id)
    if (record.deletedAt !== null || Date.now() - Date.parse(record.createdAt) > LOOK_BACK_MS) return
    this.#late.push(record)
    void this.#inTurn(() => this.#catchUp())
  }

  /** Plans what new subscriptions missed. It comes before the next event is matched with them, or that would overtake the missed ones. */
  async #catchUp(): Promise<void> {
    for (let record = this.#late[0]; record && !this.#ended; record = this.#late[0]) {
      if (await this.#replan(record).catch(() => false)) this.#late.shift()
      else await sleep(RETRY_MS)
    }
  }

  async #replan(record: SubscriptionRecord): Promise<true> {
    for await (const raw of readRange(this.#bus, { from: record.createdSeq + 1, to: this.#position })) {
      const event = decodeEvent(raw.bytes, raw.seq)
      if (event && matches(record, event)) await this.#publish(record, event)
    }
    return true
  }

  async #publish(record: SubscriptionRecord, event: BridgeEvent): Promise<void> {
    await publishJob(this.#jobs, { subscriptionId: record.id, queuedAt: new Date().toISOString(), event })
  }
}

/** Stores one job; the same event for the same subscription is stored once. */
export const publishJob = (jobs: WorkQueue, job: DeliveryJob): Promise<void> =>
  jobs.publish(subjects.job(job.subscriptionId), job, eventKeyOf(job.subscriptionId, job.event.id))
