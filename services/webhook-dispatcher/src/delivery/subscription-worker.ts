import { setTimeout as sleep } from 'node:timers/promises'
import type { Bus, Job, JsonBucket, WorkQueue } from '@codex-bridge/bus'
import { STREAMS, subjects } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import { type DeliveryJob, isDeliveryJob, orderKey } from '../planning/delivery-job.ts'
import {
  admission,
  afterFailure,
  afterInterruption,
  afterProbeStart,
  afterSuccess,
  type Breaker,
  CLOSED,
} from '../retries/circuit-breaker.ts'
import { DebouncedKvWriter } from '../retries/debounced-kv-writer.ts'
import { type RetrySchedule, retryDelay } from '../retries/retry-schedule.ts'
import { afterAttempt, notesOf, type RetryNote, type StoredLedger } from '../retries/retry-state.ts'
import { eventKeyOf } from '../subscriptions/subscription-record.ts'
import { ledgerKey } from '../subscriptions/subscription-store.ts'
import { HeldJobs } from './held-jobs.ts'
import { LaneOrderedQueue } from './lane-ordered-queue.ts'
import { type AttemptResult, type Failure, judge } from './outcome.ts'
import { RecentIds } from './recent-ids.ts'

/** Jobs of one subscription in hand or given back for a while, at most: bounds memory, and how far other lanes pass a stuck one. */
const MAX_PENDING = 1000

/**
 * Only a safety net: after a crash or a lost connection the consumer is made anew and everything comes again at once, in
 * order, without waiting for this. It bounds what two overlapping leaders can do to each other.
 */
const ACK_WAIT_MS = 2 * 60_000

/** After a reconnect the lease is asked first: a process that was replaced meanwhile must not take the jobs away again. */
const RECONNECT_PAUSE_MS = 200

/** A longer wait is spent at the broker and not in our memory. */
const LONGEST_HELD_WAIT_MS = 5000

/** What is broken off is broken off this long after the end was asked for. */
const STOP_GRACE_MS = 3000

/** Pause before the next try of a call the broker did not answer. */
const BROKER_PAUSE_MS = 500

/** More than a broker can forget of what it confirmed, at any rate we reach. */
const DONE_REMEMBERED = 4096

/** `setTimeout` takes no longer waits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export type WorkerOptions = {
  subscriptionId: string
  endpointSince: string
  bus: Bus
  jobs: WorkQueue
  dead: WorkQueue
  bucket: JsonBucket<unknown>
  concurrency: number
  schedule: RetrySchedule
  logger: Logger
  attempt: (job: DeliveryJob, at: Date, breakOff: AbortController) => Promise<AttemptResult>
  delivered: (at: Date) => void
  failed: (at: Date, failure: Failure) => void
  random: () => number
}

/**
 * Delivers the jobs of one subscription. The broker stores them; when and in what order they go is decided here: the
 * scheduler keeps the order inside a lane, the breaker slows an endpoint that fails, the ledger remembers attempts over
 * restarts. At least once: a crash between the answer and the acknowledgement delivers again, with the same ids.
 */
export class SubscriptionWorker {
  readonly #options: WorkerOptions
  readonly #scheduler = new LaneOrderedQueue()
  readonly #ledger: DebouncedKvWriter<unknown>
  readonly #hand = new HeldJobs()
  /** Delivered or buried by this worker. A broker that was killed may hand out again what it had confirmed as done. */
  readonly #done = new RecentIds(DONE_REMEMBERED)
  readonly #attempts = new Map<Promise<void>, AbortController>()
  readonly #stopping = new AbortController()
  #notes = new Map<number, RetryNote>()
  #breaker: Breaker = CLOSED
  #endConsume = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  constructor(options: WorkerOptions) {
    this.#options = options
    const snapshot = (): StoredLedger => ({ endpointSince: options.endpointSince, notes: Object.fromEntries(this.#notes) })
    this.#ledger = new DebouncedKvWriter(options.bucket, ledgerKey(options.subscriptionId), snapshot, (err) =>
      options.logger.warn({ err, subscriptionId: options.subscriptionId }, 'retry ledger not stored'),
    )
  }

  get endpointSince(): string {
    return this.#options.endpointSince
  }

  get waiting(): number {
    return this.#scheduler.size - this.#scheduler.flying
  }

  get inFlight(): number {
    return this.#scheduler.flying
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Starts no more attempts, gives those under way a moment, then breaks them off. Their jobs stay in the queue. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    clearTimeout(this.#timer)
    this.#endConsume.abort()
    const grace = setTimeout(() => {
      for (const breakOff of this.#attempts.values()) breakOff.abort()
    }, STOP_GRACE_MS)
    await Promise.all([this.#running, ...this.#attempts.keys()])
    await this.#hand.close()
    clearTimeout(grace)
    await this.#ledger.flush()
  }

  async #run(): Promise<void> {
    const { bus, bucket, jobs, subscriptionId, endpointSince, logger } = this.#options
    const offReconnect = bus.onReconnect(() => this.#endConsume.abort())
    let known = false
    for (let first = true; !this.#stopping.signal.aborted; first = false) {
      if (!first) await sleep(RECONNECT_PAUSE_MS)
      this.#endConsume = new AbortController()
      this.#hand.newRound()
      try {
        if (!known) {
          const stored = (await bucket.get(ledgerKey(subscriptionId)))?.value as StoredLedger | undefined
          this.#notes = notesOf(stored, endpointSince, Date.now())
          known = true
        }
        await this.#rewind()
        if (this.#stopping.signal.aborted) break
        await jobs.consume(
          {
            durable: subscriptionId,
            filter: subjects.job(subscriptionId),
            maxPending: MAX_PENDING,
            ackWaitMs: ACK_WAIT_MS,
            signal: this.#endConsume.signal,
            observe: (problem) => logger.warn({ subscriptionId, problem }, 'job consumer'),
          },
          (job) => this.#arrive(job),
        )
      } catch (err) {
        logger.warn({ err, subscriptionId }, 'job consumer could not be made')
      }
    }
    offReconnect()
  }

  /**
   * A new consumer gets every job that is not acknowledged, oldest first. An old one would first hand out what is new and
   * only later, after the ack deadline, what was in the hands of a dead process or on a lost connection: out of order.
   */
  async #rewind(): Promise<void> {
    const { bus, subscriptionId } = this.#options
    await bus.jsm.consumers.delete(STREAMS.jobs, subscriptionId).catch((error: unknown) => {
      if (!/consumer not found/.test(String(error))) throw error
    })
  }

  #arrive(job: Job): void {
    this.#hand.take(job)
    const body = readJob(job)
    if (!body) {
      // Nothing that could ever be delivered: out of the queue, loudly.
      this.#options.logger.error({ subscriptionId: this.#options.subscriptionId, jobSeq: job.seq }, 'a job that is no delivery was dropped')
      this.#settle(job.seq)
      return
    }
    if (this.#done.has(body.event.id)) {
      this.#settle(job.seq)
      return
    }
    // Sequences begin anew when the queue is replaced; what was noted of another job does not count.
    if (this.#notes.get(job.seq)?.eventId !== body.event.id) this.#notes.delete(job.seq)
    this.#scheduler.hold(job.seq, orderKey(body), this.#notes.get(job.seq)?.due ?? 0)
    this.#giveBackIfEarly(job.seq)
    this.#pump()
  }

  #pump(): void {
    const { bus, concurrency } = this.#options
    // Without the broker nothing can be acknowledged, so every delivery would be repeated.
    if (this.#stopping.signal.aborted || !bus.connected()) return
    let now = Date.now()
    while (this.#scheduler.flying < concurrency) {
      now = Date.now()
      const admitted = admission(this.#breaker, now)
      if (admitted === 'none') break
      const seq = this.#scheduler.take(now)
      if (seq === undefined) break
      if (admitted === 'probe') this.#breaker = afterProbeStart(this.#breaker)
      const breakOff = new AbortController()
      const attempt = this.#attempt(seq, breakOff).finally(() => {
        this.#attempts.delete(attempt)
        this.#pump()
      })
      this.#attempts.set(attempt, breakOff)
    }
    this.#wakeLater(now)
  }

  /**
   * One timer for the next job that waits for its time, or for the end of the breaker's pause.
   * @param lookedAt when it was looked for a job last: what came due after that has not been seen, however short ago it was
   */
  #wakeLater(lookedAt: number): void {
    clearTimeout(this.#timer)
    const due = this.#scheduler.nextDue()
    if (due === undefined || this.#breaker.probing) return
    const at = Math.max(due, this.#breaker.openUntil)
    // What was due then and has not started waits for a free place, and the end of an attempt pumps again.
    if (at > lookedAt) this.#timer = setTimeout(() => this.#pump(), Math.min(at - lookedAt + 1, LONGEST_TIMER_MS))
  }

  async #attempt(seq: number, breakOff: AbortController): Promise<void> {
    const job = this.#hand.get(seq)
    const body = job && readJob(job)
    if (!body) throw new Error(`job ${seq} was started without being in hand`)
    const result = await this.#options.attempt(body, new Date(), breakOff)
    const now = new Date()
    if (result.kind === 'interrupted') {
      this.#breaker = afterInterruption(this.#breaker)
      this.#scheduler.postpone(seq, now.getTime() + BROKER_PAUSE_MS)
      return
    }
    const verdict = judge(result, now.getTime())
    if (verdict.delivered) {
      this.#breaker = afterSuccess(this.#breaker, now.getTime())
      this.#options.delivered(now)
      this.#done.add(body.event.id)
      this.#settle(seq)
      return
    }
    this.#breaker = afterFailure(this.#breaker, now.getTime(), verdict)
    this.#options.failed(now, verdict)
    await this.#retryOrBury(seq, body, verdict, now)
  }

  async #retryOrBury(seq: number, body: DeliveryJob, failure: Failure, now: Date): Promise<void> {
    const { schedule, random } = this.#options
    const note = afterAttempt(this.#notes.get(seq), {
      eventId: body.event.id,
      at: now.toISOString(),
      label: failure.label,
      reason: failure.reason,
    })
    const delay = retryDelay(schedule, note.attempts, random())
    const due = now.getTime() + Math.max(delay ?? 0, failure.retryAfterMs ?? 0)
    this.#notes.set(seq, { ...note, due })
    this.#ledger.changed()
    if (delay === undefined && (await this.#bury(seq, body))) return
    this.#scheduler.postpone(seq, delay === undefined ? now.getTime() + BROKER_PAUSE_MS : due)
    this.#giveBackIfEarly(seq)
  }

  /** Stores a job that used up its attempts as a dead letter. @returns whether that is confirmed */
  async #bury(seq: number, body: DeliveryJob): Promise<boolean> {
    const { dead, subscriptionId, logger } = this.#options
    const note = this.#notes.get(seq)
    if (!note) return false
    const { due: _, ...summary } = note
    const eventKey = eventKeyOf(subscriptionId, body.event.id)
    try {
      await dead.publish(subjects.dead(subscriptionId), { ...body, attempts: summary }, eventKey)
    } catch (err) {
      logger.error({ err, subscriptionId, eventId: body.event.id }, 'dead letter not stored')
      return false
    }
    logger.warn({ subscriptionId, eventId: body.event.id, attempts: note.attempts, reason: note.reason }, 'delivery given up')
    this.#done.add(body.event.id)
    this.#settle(seq)
    return true
  }

  /** The job is done and its lane goes on. */
  #settle(seq: number): void {
    this.#scheduler.finish(seq)
    this.#hand.settle(seq)
    if (this.#notes.delete(seq)) this.#ledger.changed()
  }

  #giveBackIfEarly(seq: number): void {
    const wait = (this.#notes.get(seq)?.due ?? 0) - Date.now()
    if (wait <= LONGEST_HELD_WAIT_MS || this.#scheduler.isFlying(seq)) return
    this.#hand.giveBack(seq, wait)
    this.#scheduler.release(seq)
  }
}

const readJob = (job: Job): DeliveryJob | undefined => {
  try {
    const { body } = job
    return isDeliveryJob(body) ? body : undefined
  } catch {
    return
  }
}
