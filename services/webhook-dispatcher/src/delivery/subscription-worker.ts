import { setTimeout as sleep } from 'node:timers/promises'
import type { Job, WorkQueue } from '@codex-bridge/bus'
import { BoundedSet } from '@codex-bridge/platform'
import type { DispatcherContext } from '../context.ts'
import { type DeliveryJob, orderKey, readJob } from '../planning/delivery-job.ts'
import {
  admission,
  afterFailure,
  afterInterruption,
  afterProbeStart,
  afterSuccess,
  type Breaker,
  CLOSED,
} from '../retries/circuit-breaker.ts'
import { RetryScheduler } from '../retries/retry-scheduler.ts'
import type { SubscriptionRecord } from '../subscriptions/subscription-record.ts'
import type { DeadLetterQueue } from './dead-letter-queue.ts'
import { JobConsumer } from './job-consumer.ts'
import { LaneOrderedQueue } from './lane-ordered-queue.ts'
import { classifyResult, type Failure } from './outcome.ts'
import type { StatusTracker } from './status-tracker.ts'
import type { WebhookSender } from './webhook-sender.ts'

/** A job that waits longer than this is returned to the broker meanwhile, in milliseconds. */
const LONGEST_WAIT_IN_MEMORY_MS = 5000

/** Attempts under way get this long to finish after a stop, then they are aborted. */
const STOP_GRACE_MS = 3000

/** Pause after an attempt that says nothing about the endpoint, or a call the broker did not answer. */
const PAUSE_MS = 500

/** More finished jobs than a restarted broker can have forgotten about, at any rate we reach. */
const FINISHED_REMEMBERED = 4096

/** `setTimeout` accepts no longer delay. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** What the workers of all subscriptions share, and the status of this one. */
export type WorkerParts = { sender: WebhookSender; jobs: WorkQueue; deadLetters: DeadLetterQueue; status: StatusTracker }

/**
 * Delivers the jobs of one subscription. The broker stores them; this decides when each one is attempted: the queue keeps the
 * order inside a lane, the breaker slows down for an endpoint that fails, the retry scheduler says when a failed job is due.
 * At least once: after a crash between the answer and the acknowledgement the event is delivered again, with the same ids.
 */
export class SubscriptionWorker {
  readonly #context: DispatcherContext
  readonly #subscription: SubscriptionRecord
  readonly #parts: WorkerParts
  readonly #consumer: JobConsumer
  readonly #queue = new LaneOrderedQueue()
  readonly #retries: RetryScheduler
  /** Events delivered or given up by this worker. A broker that was killed may hand out again a job it confirmed as done. */
  readonly #finished = new BoundedSet<string>(FINISHED_REMEMBERED)
  readonly #attempts = new Map<Promise<void>, AbortController>()
  readonly #stopping = new AbortController()
  #breaker: Breaker = CLOSED
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  constructor(context: DispatcherContext, subscription: SubscriptionRecord, parts: WorkerParts) {
    this.#context = context
    this.#subscription = subscription
    this.#parts = parts
    this.#consumer = new JobConsumer(context.bus, parts.jobs, subscription.id, context.logger)
    this.#retries = new RetryScheduler(context, subscription)
  }

  /** The endpoint this worker was started for. */
  get endpointSince(): string {
    return this.#subscription.endpointSince
  }

  get waiting(): number {
    return this.#queue.size - this.#queue.inFlight
  }

  get inFlight(): number {
    return this.#queue.inFlight
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Starts no more attempts, gives those under way a moment, then aborts them. Their jobs stay in the queue. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    clearTimeout(this.#timer)
    const grace = setTimeout(() => {
      for (const abort of this.#attempts.values()) abort.abort()
    }, STOP_GRACE_MS)
    await Promise.all([this.#running, ...this.#attempts.keys()])
    await this.#consumer.unacked.close()
    clearTimeout(grace)
    await this.#retries.flush()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!(signal.aborted || (await this.#retries.load()))) await sleep(PAUSE_MS)
    await this.#consumer.run(signal, (job) => this.#receive(job))
  }

  #receive(job: Job): void {
    const body = readJob(job)
    if (!body) {
      const { id } = this.#subscription
      this.#context.logger.error({ subscriptionId: id, jobSeq: job.seq }, 'a job that is not a delivery was dropped')
    }
    if (!body || this.#finished.has(body.event.id)) {
      this.#finish(job.seq)
      return
    }
    this.#queue.add(job.seq, orderKey(body), this.#retries.dueOf(job.seq, body.event.id))
    this.#returnIfEarly(job.seq)
    this.#startAttempts()
  }

  #startAttempts(): void {
    const { bus, config } = this.#context
    // Without the broker nothing can be acknowledged, so every delivery would be repeated.
    if (this.#stopping.signal.aborted || !bus.connected()) return
    let now = Date.now()
    while (this.#queue.inFlight < config.concurrency) {
      now = Date.now()
      const admitted = admission(this.#breaker, now)
      if (admitted === 'none') break
      const seq = this.#queue.take(now)
      if (seq === undefined) break
      if (admitted === 'probe') this.#breaker = afterProbeStart(this.#breaker)
      const abort = new AbortController()
      const attempt = this.#attempt(seq, abort).finally(() => {
        this.#attempts.delete(attempt)
        this.#startAttempts()
      })
      this.#attempts.set(attempt, abort)
    }
    this.#wakeWhenDue(now)
  }

  /**
   * Sets the one timer for the next job that becomes due, or for the end of the breaker's pause.
   * @param lastScan clock value of the last scan of the queue; it did not see jobs that became due later, however little later
   */
  #wakeWhenDue(lastScan: number): void {
    clearTimeout(this.#timer)
    const due = this.#queue.nextDue()
    if (due === undefined || this.#breaker.probing) return
    const at = Math.max(due, this.#breaker.openUntil)
    // A job that was due and was not started waits for a free place. The end of an attempt starts it.
    if (at > lastScan) this.#timer = setTimeout(() => this.#startAttempts(), Math.min(at - lastScan + 1, LONGEST_TIMER_MS))
  }

  async #attempt(seq: number, abort: AbortController): Promise<void> {
    const job = this.#consumer.unacked.get(seq)
    const body = job && readJob(job)
    if (!body) throw new Error(`job ${seq} was started without having been received`)
    const result = await this.#parts.sender.send(body, new Date(), abort)
    const now = new Date()
    if (result.kind === 'interrupted') {
      this.#breaker = afterInterruption(this.#breaker)
      this.#queue.postpone(seq, now.getTime() + PAUSE_MS)
      return
    }
    const outcome = classifyResult(result, now.getTime())
    if (outcome.delivered) {
      this.#breaker = afterSuccess(this.#breaker, now.getTime())
      this.#parts.status.delivered(now)
      this.#finished.add(body.event.id)
      this.#finish(seq)
      return
    }
    this.#breaker = afterFailure(this.#breaker, now.getTime(), outcome)
    this.#parts.status.failed(now, outcome)
    await this.#retryOrGiveUp(seq, body, outcome, now)
  }

  /** When to retry, and whether at all, is decided by the retry scheduler. */
  async #retryOrGiveUp(seq: number, body: DeliveryJob, failure: Failure, now: Date): Promise<void> {
    const { state, exhausted } = this.#retries.schedule(seq, body.event.id, failure, now)
    if (exhausted && (await this.#parts.deadLetters.store(body, state))) {
      this.#finished.add(body.event.id)
      this.#finish(seq)
      return
    }
    this.#queue.postpone(seq, state.due)
    this.#returnIfEarly(seq)
  }

  /** The job is done, and its lane goes on. */
  #finish(seq: number): void {
    this.#queue.remove(seq)
    this.#consumer.unacked.ack(seq)
    this.#retries.forget(seq)
  }

  /** A job with a long wait goes back to the broker until it is due. It keeps its place in the lane. */
  #returnIfEarly(seq: number): void {
    const wait = this.#queue.dueOf(seq) - Date.now()
    if (wait <= LONGEST_WAIT_IN_MEMORY_MS || this.#queue.isInFlight(seq)) return
    this.#consumer.unacked.nak(seq, wait)
    this.#queue.suspend(seq)
  }
}
