import { setTimeout as sleep } from 'node:timers/promises'
import { BridgeError } from '@codex-bridge/contracts'
import { AckPolicy, type ConsumerConfig, type ConsumerMessages, DeliverPolicy, type JsMsg, nanos } from 'nats'
import type { Bus } from '../bus.ts'
import { decodeJson, encodeJson } from '../connection/codec.ts'
import { isRefusal } from '../connection/nats-errors.ts'

/** One job in hand. Exactly one of ack, retryIn and nothing (a crash) ends this delivery. */
export type Job = {
  readonly subject: string
  readonly seq: number
  /** 1 for the first delivery. */
  readonly deliveries: number
  /** Parsed when it is asked for. @throws SyntaxError for what is not JSON: one bad job must not end the consumer of all. */
  readonly body: unknown
  /** Done, confirmed by the server. May be called again after a failure. */
  ack(): Promise<void>
  /** Give it back, to come again after so many milliseconds. It stays in this consumer's pending set meanwhile. */
  retryIn(ms: number): void
  /** Still at it: restarts the ack deadline. */
  working(): void
}

export type QueueConsumer = {
  /** Name of the durable consumer. */
  durable: string
  filter: string
  /** Jobs in hand at most, over all processes that share the consumer. */
  maxPending: number
  ackWaitMs: number
  signal: AbortSignal
  observe?: (problem: string) => void
}

/** A work-queue stream: a job leaves it when it is acknowledged, not before. */
export class WorkQueue {
  readonly #bus: Bus
  readonly #stream: string

  constructor(bus: Bus, stream: string) {
    this.#bus = bus
    this.#stream = stream
  }

  /**
   * Stores a job; the same message id within the stream's dedupe window is stored once. Retries until acknowledged.
   * @throws BridgeError `bus_unavailable` when the server refuses (queue full) or `patienceMs` passes
   */
  async publish(subject: string, body: unknown, msgId: string, patienceMs = 30_000): Promise<void> {
    const data = encodeJson(body)
    const deadline = Date.now() + patienceMs
    for (;;) {
      try {
        await this.#bus.js.publish(subject, data, { msgID: msgId, timeout: this.#bus.timeoutMs })
        return
      } catch (cause) {
        if (isRefusal(cause) || Date.now() > deadline)
          throw new BridgeError('bus_unavailable', 'The job queue does not take jobs', { cause })
        await sleep(100)
      }
    }
  }

  /**
   * Hands jobs to `handle` as they come, without awaiting it: the handler bounds its own concurrency and `maxPending` bounds
   * what is in hand. Resolves when the signal fires.
   */
  async consume(options: QueueConsumer, handle: (job: Job) => void): Promise<void> {
    while (!options.signal.aborted) {
      let messages: ConsumerMessages | undefined
      const stop = () => void messages?.close()
      const offReconnect = this.#bus.onReconnect(stop)
      options.signal.addEventListener('abort', stop, { once: true })
      try {
        await this.#ensure(options)
        const consumer = await this.#bus.js.consumers.get(this.#stream, options.durable)
        messages = await consumer.consume({
          max_messages: Math.min(options.maxPending, 100),
          expires: 10_000,
          idle_heartbeat: 2000,
          abort_on_missing_resource: true,
        })
        if (options.signal.aborted) stop()
        for await (const message of messages) handle(jobOf(this.#bus, message))
      } catch (error) {
        if (!options.signal.aborted) options.observe?.(`job consumer ${options.durable} made anew: ${String(error)}`)
      } finally {
        offReconnect()
        options.signal.removeEventListener('abort', stop)
      }
      if (!options.signal.aborted) await sleep(100)
    }
  }

  /** Creates the durable consumer, or updates the one that is there. */
  async #ensure(options: QueueConsumer): Promise<void> {
    const config: Partial<ConsumerConfig> = {
      durable_name: options.durable,
      filter_subject: options.filter,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(options.ackWaitMs),
      max_ack_pending: options.maxPending,
      max_deliver: -1,
    }
    await this.#bus.jsm.consumers.add(this.#stream, config)
  }

  /** Forgets a consumer and every job of its subject. */
  async drop(durable: string, subject: string): Promise<void> {
    await this.#bus.jsm.consumers.delete(this.#stream, durable).catch(() => false)
    await this.#bus.jsm.streams.purge(this.#stream, { filter: subject }).catch((cause: unknown) => {
      throw new BridgeError('bus_unavailable', 'The job queue does not answer', { cause })
    })
  }
}

const ACK = new TextEncoder().encode('+ACK')
const ACK_TIMEOUT_MS = 5000

/** The subject to acknowledge on: every message has it, only its published type leaves it out. */
const replyOf = (message: JsMsg): string => (message as JsMsg & { reply: string }).reply

const jobOf = (bus: Bus, message: JsMsg): Job => ({
  subject: message.subject,
  seq: message.seq,
  deliveries: message.info.deliveryCount,
  get body() {
    return decodeJson(message.data)
  },
  // Not the library's ackAck: after one that timed out it answers every further call without sending anything.
  ack: async () => {
    await bus.nc.request(replyOf(message), ACK, { timeout: ACK_TIMEOUT_MS })
  },
  retryIn: (ms) => message.nak(Math.max(1, Math.round(ms))),
  working: () => message.working(),
})
