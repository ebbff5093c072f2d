import { setTimeout as sleep } from 'node:timers/promises'
import { type Bus, decodeEnvelope, EventLog, readRange, type WorkQueue } from '@codex-bridge/bus'
import { type EventEnvelope, subjects } from '@codex-bridge/contracts'
import { SerialQueue } from '@codex-bridge/platform'
import type { Logger } from '@codex-bridge/service-kit'
import { matches, SubscriptionIndex } from '../subscriptions/subscription-matcher.ts'
import { eventKeyOf, type SubscriptionRecord } from '../subscriptions/subscription-record.ts'
import type { SubscriptionStore } from '../subscriptions/subscription-store.ts'
import type { DeliveryJob } from './delivery-job.ts'

/**
 * A subscription takes effect at its `createdSeq`, which is read a moment before it is stored; events of that moment may have
 * been planned without it. A subscription first seen within this time of its creation gets those events, in milliseconds.
 */
const BACKFILL_WINDOW_MS = 60_000

/** Pause before a failed backfill is tried again. */
const RETRY_MS = 500

/** A backfill that keeps failing is logged at most this often. */
const LOG_EVERY_MS = 30_000

export type PlannerDeps = { bus: Bus; store: SubscriptionStore; jobs: WorkQueue; logger: Logger }

/**
 * Turns each event into one job per matching subscription. Jobs are stored under `subscriptionId:eventId`, so planning an
 * event twice within the queue's dedupe window stores nothing twice. After that window, or if the queue lost its dedupe state
 * in a broker restart, it causes a second delivery with the same `webhook-id`.
 */
export class JobPlanner {
  readonly #bus: Bus
  readonly #store: SubscriptionStore
  readonly #jobs: WorkQueue
  readonly #log: EventLog
  readonly #logger: Logger
  /** One task at a time, so that the jobs of a subscription are stored in the order of their events. */
  readonly #queue = new SerialQueue()
  readonly #seen = new Set<string>()
  /** Subscriptions that may have missed events planned before they were known here. */
  readonly #backfills: SubscriptionRecord[] = []
  #index: SubscriptionIndex | undefined
  /** Every event up to this sequence has been planned, or was stored before this term. */
  #plannedSeq = 0
  /** Subscriptions in memory include every change that was answered before this event was stored. */
  #currentSeq = 0
  #stopped = false
  #lastLogged = Number.NEGATIVE_INFINITY
  #offChange: () => void = () => undefined

  constructor({ bus, store, jobs, logger }: PlannerDeps) {
    this.#bus = bus
    this.#store = store
    this.#jobs = jobs
    this.#logger = logger
    this.#log = new EventLog(bus)
  }

  /** Call before the first event: subscribes to changes, and backfills subscriptions created just before this term. */
  async start(): Promise<void> {
    this.#plannedSeq = (await this.#log.extent()).lastSeq
    this.#offChange = this.#store.onChange((id) => {
      this.#index = undefined
      this.#noticeNew(id)
    })
    for (const { id } of this.#store.all()) this.#noticeNew(id)
  }

  /** Ends a backfill under way; the next leader starts it over. Events are not planned while one is incomplete. */
  stop(): void {
    this.#stopped = true
    this.#offChange()
  }

  /** The reaction to one event: resolves when all its jobs are stored. */
  plan(event: EventEnvelope): Promise<void> {
    return this.#queue.run(async () => {
      await this.#refreshSubscriptions(event)
      await this.#backfill()
      if (this.#backfills.length > 0) throw new Error('the term ended before a new subscription got the events it missed')
      this.#index ??= new SubscriptionIndex(this.#store.all())
      await Promise.all(this.#index.match(event).map((record) => this.#publish(record, event)))
      this.#plannedSeq = Math.max(this.#plannedSeq, event.seq)
    })
  }

  /** Resolves when the jobs being planned now are stored. */
  settled(): Promise<void> {
    return this.#queue.settled()
  }

  /**
   * A change answered by another process must apply to every event stored after the answer. The end of the log is read first:
   * the subscriptions that are current afterwards serve all events up to there, so a backlog costs one refresh and not one
   * per event.
   */
  async #refreshSubscriptions(event: EventEnvelope): Promise<void> {
    if (event.seq <= this.#currentSeq) return
    const { lastSeq } = await this.#log.extent()
    await this.#store.catchUp()
    this.#currentSeq = Math.max(event.seq, lastSeq)
  }

  #noticeNew(id: string): void {
    const record = this.#store.peek(id)
    if (!record || this.#seen.has(id)) return
    this.#seen.add(id)
    if (record.deletedAt !== null || Date.now() - Date.parse(record.createdAt) > BACKFILL_WINDOW_MS) return
    this.#backfills.push(record)
    void this.#queue.run(() => this.#backfill())
  }

  /** Plans the events that new subscriptions missed. Must come before the next event is matched, or that one would overtake them. */
  async #backfill(): Promise<void> {
    for (let record = this.#backfills[0]; record && !this.#stopped; record = this.#backfills[0]) {
      try {
        await this.#planMissed(record)
        if (!this.#stopped) this.#backfills.shift()
      } catch (err) {
        this.#logFailedBackfill(record, err)
        await sleep(RETRY_MS)
      }
    }
  }

  async #planMissed(record: SubscriptionRecord): Promise<void> {
    for await (const raw of readRange(this.#bus, { from: record.createdSeq + 1, to: this.#plannedSeq })) {
      const { event } = decodeEnvelope(raw.bytes, raw.seq)
      if (this.#stopped) return
      if (event && matches(record, event)) await this.#publish(record, event)
    }
  }

  #logFailedBackfill({ id, createdSeq }: SubscriptionRecord, err: unknown): void {
    const now = performance.now()
    if (now - this.#lastLogged < LOG_EVERY_MS) return
    this.#lastLogged = now
    this.#logger.warn({ err, subscriptionId: id, createdSeq }, 'events of a new subscription not planned yet, retrying; planning waits')
  }

  async #publish(record: SubscriptionRecord, event: EventEnvelope): Promise<void> {
    await publishJob(this.#jobs, { subscriptionId: record.id, queuedAt: new Date().toISOString(), event })
  }
}

/** Stores one job. The same event for the same subscription is stored once. */
export const publishJob = (jobs: WorkQueue, job: DeliveryJob): Promise<void> =>
  jobs.publish(subjects.job(job.subscriptionId), job, eventKeyOf(job.subscriptionId, job.event.id))
