import { type Bus, WorkQueue } from '@codex-bridge/bus'
import { STREAMS, subjects } from '@codex-bridge/contracts'
import { BRIDGE_VERSION, type Logger } from '@codex-bridge/service-kit'
import type { Agent } from 'undici'
import type { DeliveryConfig } from '../config.ts'
import { post } from '../http/delivery-request.ts'
import { deliveryHeaders } from '../http/webhook-signer.ts'
import { type DeliveryJob, envelopeOf } from '../planning/delivery-job.ts'
import { DebouncedKvWriter } from '../retries/debounced-kv-writer.ts'
import type { SecretBox } from '../subscriptions/secret-box.ts'
import { disableSubscription } from '../subscriptions/subscription-decider.ts'
import { eventKeyOf, type SubscriptionRecord, type SubscriptionStatus } from '../subscriptions/subscription-record.ts'
import { afterDelivery, afterFailedAttempt, hasFailedTooLong } from '../subscriptions/subscription-status.ts'
import { type SubscriptionStore, statusKey } from '../subscriptions/subscription-store.ts'
import type { AttemptResult, Failure } from './outcome.ts'
import { SubscriptionWorker } from './subscription-worker.ts'

/** How long a deleted subscription is remembered for retried commands, and how often that is looked at. */
const REMEMBER_DELETED_MS = 24 * 60 * 60_000
const SWEEP_EVERY_MS = 60_000

/** A failing endpoint whose queue grows beyond this is disabled before the queue that all share is full. */
const MAX_BACKLOG = 100_000

export type FleetOptions = {
  bus: Bus
  store: SubscriptionStore
  box: SecretBox
  agent: Agent
  config: DeliveryConfig
  logger: Logger
  /** Resolves when no job is being stored for a subscription that was just deleted or disabled. */
  plannerSettled: () => Promise<void>
}

type Member = { worker: SubscriptionWorker; end: () => Promise<void> }

/** One worker per enabled subscription, as long as this process leads. */
export class DeliveryManager {
  readonly #options: FleetOptions
  readonly #jobs: WorkQueue
  readonly #dead: WorkQueue
  readonly #members = new Map<string, Member>()
  /** What is being done to a subscription: one thing at a time, in the order of its changes. */
  readonly #tails = new Map<string, Promise<void>>()
  #offChange: () => void = () => undefined
  #sweeper: NodeJS.Timeout | undefined
  #ended = false

  constructor(options: FleetOptions) {
    this.#options = options
    this.#jobs = new WorkQueue(options.bus, STREAMS.jobs)
    this.#dead = new WorkQueue(options.bus, STREAMS.dead)
  }

  start(): void {
    const { store } = this.#options
    this.#offChange = store.onChange((id) => this.#adjust(id))
    for (const { id } of store.all()) this.#adjust(id)
    this.#sweeper = setInterval(() => void this.#sweep(), SWEEP_EVERY_MS)
  }

  async stop(): Promise<void> {
    this.#ended = true
    this.#offChange()
    clearInterval(this.#sweeper)
    await Promise.all(this.#tails.values())
    await Promise.all([...this.#members.keys()].map((id) => this.#dismiss(id)))
  }

  /** Attempts under way and jobs waiting in this process. */
  load(): { inFlight: number; waiting: number } {
    const load = { inFlight: 0, waiting: 0 }
    for (const { worker } of this.#members.values()) {
      load.inFlight += worker.inFlight
      load.waiting += worker.waiting
    }
    return load
  }

  #adjust(id: string): void {
    const run = (this.#tails.get(id) ?? Promise.resolve())
      .then(() => this.#fit(id))
      .catch((err: unknown) => {
        this.#options.logger.warn({ err, subscriptionId: id }, 'subscription not adjusted, tried again')
        setTimeout(() => this.#adjust(id), 1000).unref()
      })
      .finally(() => {
        if (this.#tails.get(id) === run) this.#tails.delete(id)
      })
    this.#tails.set(id, run)
  }

  /** Makes what runs for a subscription agree with its record. */
  async #fit(id: string): Promise<void> {
    if (this.#ended) return
    const record = this.#options.store.peek(id)
    const present = this.#members.get(id)
    if (present && (!record?.enabled || present.worker.endpointSince !== record.endpointSince)) await this.#dismiss(id)
    if (!record) return
    if (record.deletedAt !== null) await this.#clear(record)
    else if (record.enabled && !this.#members.has(id)) this.#engage(record)
  }

  #engage(record: SubscriptionRecord): void {
    const { id } = record
    const { bus, store, config, logger } = this.#options
    let status = store.status(id)
    // What an earlier endpoint failed does not count against this one.
    if (status.failingSince !== null && status.failingSince < record.endpointSince) status = { ...status, failingSince: null }
    const key = new DebouncedKvWriter<unknown>(
      store.bucket,
      statusKey(id),
      () => status,
      (err) => logger.warn({ err, subscriptionId: id }, 'status not stored'),
    )
    const endOverlay = store.overlay(id, () => status)
    const update = (next: SubscriptionStatus) => {
      status = next
      key.changed()
    }
    const worker = new SubscriptionWorker({
      subscriptionId: id,
      endpointSince: record.endpointSince,
      bus,
      jobs: this.#jobs,
      dead: this.#dead,
      bucket: store.bucket,
      concurrency: config.concurrency,
      schedule: config.schedule,
      logger,
      attempt: (job, at, breakOff) => this.#attempt(job, at, breakOff),
      delivered: (at) => update(afterDelivery(status, at.toISOString())),
      failed: (at, failure) => {
        update(afterFailedAttempt(status, at.toISOString(), failure.reason))
        this.#judgeEndpoint(id, status, failure, at.toISOString())
      },
      random: Math.random,
    })
    const end = async () => {
      await key.flush()
      endOverlay()
    }
    this.#members.set(id, { worker, end })
    worker.start()
  }

  async #dismiss(id: string): Promise<void> {
    const member = this.#members.get(id)
    this.#members.delete(id)
    await member?.worker.stop()
    await member?.end()
  }

  /** A deleted subscription leaves nothing behind: no consumer, no jobs, no status; at last not even its record. */
  async #clear(record: SubscriptionRecord): Promise<void> {
    await this.#options.plannerSettled()
    await this.#jobs.drop(record.id, subjects.job(record.id))
    if (Date.now() - Date.parse(record.deletedAt ?? '') > REMEMBER_DELETED_MS) await this.#options.store.forget(record.id)
    else await this.#options.store.forgetStatus(record.id)
  }

  async #attempt(job: DeliveryJob, at: Date, breakOff: AbortController): Promise<AttemptResult> {
    const { store, box, agent, config } = this.#options
    const record = store.peek(job.subscriptionId)
    if (!record) return { kind: 'interrupted' }
    let secret: string | undefined
    try {
      secret = record.secret === null ? undefined : box.open(record.id, record.secret)
    } catch {
      return { kind: 'unsignable' }
    }
    const body = Buffer.from(JSON.stringify(envelopeOf(job, record)))
    const headers = deliveryHeaders({ id: eventKeyOf(record.id, job.event.id), at, body, secret, version: BRIDGE_VERSION })
    return await post(record.url, headers, body, { agent, allowed: config.allowedNetworks, timeoutMs: config.timeoutMs, breakOff })
  }

  #judgeEndpoint(id: string, status: SubscriptionStatus, failure: Failure, now: string): void {
    if (failure.gone) this.#disable(id, 'Disabled: the endpoint answered 410 Gone', now)
    else if (hasFailedTooLong(status, now)) this.#disable(id, `Disabled: nothing but failures since ${status.failingSince}`, now)
  }

  #disable(id: string, reason: string, now: string): void {
    const { store, logger } = this.#options
    store
      .change(id, (record) => disableSubscription(record, reason, now))
      .then(
        () => logger.warn({ subscriptionId: id, notice: 'webhook.disabled', reason }, 'subscription disabled'),
        (err: unknown) => logger.error({ err, subscriptionId: id }, 'subscription not disabled; the next failure tries again'),
      )
  }

  /** Forgets what was deleted long ago, and disables failing endpoints with too long a queue. */
  async #sweep(): Promise<void> {
    const { bus, store, logger } = this.#options
    for (const record of store.all()) if (record.deletedAt !== null) this.#adjust(record.id)
    for (const id of [...this.#members.keys()]) {
      if (store.status(id).failingSince === null) continue
      try {
        const { num_pending: waiting } = await bus.jsm.consumers.info(STREAMS.jobs, id)
        if (waiting > MAX_BACKLOG) this.#disable(id, `Disabled: ${waiting} deliveries are waiting`, new Date().toISOString())
      } catch (err) {
        logger.debug({ err, subscriptionId: id }, 'queue length not known')
      }
    }
  }
}
