import { WorkQueue } from '@codex-bridge/bus'
import { STREAMS, subjects } from '@codex-bridge/contracts'
import { SerialQueue } from '@codex-bridge/platform'
import type { DispatcherContext } from '../context.ts'
import type { JobPlanner } from '../planning/job-planner.ts'
import type { SubscriptionRecord } from '../subscriptions/subscription-record.ts'
import { DeadLetterQueue } from './dead-letter-queue.ts'
import { StatusTracker } from './status-tracker.ts'
import { SubscriptionWorker } from './subscription-worker.ts'
import { WebhookSender } from './webhook-sender.ts'

/** How long a deleted subscription is kept to answer retried commands, and how often that is checked, in milliseconds. */
const DELETED_KEPT_MS = 24 * 60 * 60_000
const SWEEP_EVERY_MS = 60_000

/** A failing endpoint with more waiting jobs is disabled, before it fills the queue that all subscriptions share. */
const MAX_BACKLOG = 100_000

/** Pause before a failed reconciliation is tried again, in milliseconds. */
const RETRY_MS = 1000

type Running = { worker: SubscriptionWorker; status: StatusTracker }

/** Runs one worker per enabled subscription while this process leads. */
export class DeliveryManager {
  readonly #context: DispatcherContext
  readonly #planner: JobPlanner
  readonly #sender: WebhookSender
  readonly #jobs: WorkQueue
  readonly #deadLetters: DeadLetterQueue
  readonly #running = new Map<string, Running>()
  /** The changes of one subscription are carried out one at a time, in order. */
  readonly #changes = new Map<string, SerialQueue>()
  #offChange: () => void = () => undefined
  #sweeper: NodeJS.Timeout | undefined
  #stopped = false

  constructor(context: DispatcherContext, planner: JobPlanner) {
    this.#context = context
    this.#planner = planner
    this.#sender = new WebhookSender(context)
    this.#jobs = new WorkQueue(context.bus, STREAMS.jobs)
    this.#deadLetters = new DeadLetterQueue(new WorkQueue(context.bus, STREAMS.dead), context.logger)
  }

  start(): void {
    const { store } = this.#context
    this.#offChange = store.onChange((id) => this.#enqueueReconcile(id))
    for (const { id } of store.all()) this.#enqueueReconcile(id)
    this.#sweeper = setInterval(() => void this.#sweep(), SWEEP_EVERY_MS)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#offChange()
    clearInterval(this.#sweeper)
    await Promise.all([...this.#changes.values()].map((changes) => changes.settled()))
    await Promise.all([...this.#running.keys()].map((id) => this.#stopWorker(id)))
  }

  /** Attempts under way and jobs waiting in this process. */
  load(): { inFlight: number; waiting: number } {
    const load = { inFlight: 0, waiting: 0 }
    for (const { worker } of this.#running.values()) {
      load.inFlight += worker.inFlight
      load.waiting += worker.waiting
    }
    return load
  }

  #enqueueReconcile(id: string): void {
    const changes = this.#changes.get(id) ?? new SerialQueue()
    this.#changes.set(id, changes)
    changes
      .run(() => this.#reconcile(id))
      .catch((err: unknown) => {
        this.#context.logger.warn({ err, subscriptionId: id }, 'subscription not reconciled, retrying')
        setTimeout(() => this.#enqueueReconcile(id), RETRY_MS).unref()
      })
      .finally(() => {
        if (changes.waiting === 0) this.#changes.delete(id)
      })
  }

  /** Makes the worker of a subscription agree with its record. */
  async #reconcile(id: string): Promise<void> {
    if (this.#stopped) return
    const record = this.#context.store.peek(id)
    const present = this.#running.get(id)
    if (present && (!record?.enabled || present.worker.endpointSince !== record.endpointSince)) await this.#stopWorker(id)
    if (!record) return
    if (record.deletedAt !== null) await this.#cleanUp(record)
    else if (record.enabled && !this.#running.has(id)) this.#startWorker(record)
  }

  #startWorker(record: SubscriptionRecord): void {
    const status = new StatusTracker(this.#context, record)
    const worker = new SubscriptionWorker(this.#context, record, {
      sender: this.#sender,
      jobs: this.#jobs,
      deadLetters: this.#deadLetters,
      status,
    })
    this.#running.set(record.id, { worker, status })
    worker.start()
  }

  async #stopWorker(id: string): Promise<void> {
    const running = this.#running.get(id)
    this.#running.delete(id)
    await running?.worker.stop()
    await running?.status.close()
  }

  /** Removes the consumer, jobs and status of a deleted subscription, and its record after `DELETED_KEPT_MS`. */
  async #cleanUp(record: SubscriptionRecord): Promise<void> {
    // A job being planned now would otherwise be stored after the queue was emptied.
    await this.#planner.settled()
    await this.#jobs.drop(record.id, subjects.job(record.id))
    if (Date.now() - Date.parse(record.deletedAt ?? '') > DELETED_KEPT_MS) await this.#context.store.forget(record.id)
    else await this.#context.store.forgetStatus(record.id)
  }

  /** Removes subscriptions deleted long ago, and disables failing endpoints whose queue is too long. */
  async #sweep(): Promise<void> {
    const { bus, store, logger } = this.#context
    for (const record of store.all()) if (record.deletedAt !== null) this.#enqueueReconcile(record.id)
    for (const [id, { status }] of this.#running) {
      if (store.status(id).failingSince === null) continue
      try {
        const { num_pending: waiting } = await bus.jsm.consumers.info(STREAMS.jobs, id)
        if (waiting > MAX_BACKLOG) status.disable(`Disabled: ${waiting} deliveries are waiting`, new Date().toISOString())
      } catch (err) {
        logger.debug({ err, subscriptionId: id }, 'queue length unknown until the next sweep')
      }
    }
  }
}
