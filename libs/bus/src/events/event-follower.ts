import { setTimeout as sleep } from 'node:timers/promises'
import { BridgeError, type EventEnvelope, STREAMS } from '@codex-bridge/contracts'
import { type Consumer, type ConsumerMessages, DeliverPolicy, type JsMsg, type OrderedConsumerOptions } from 'nats'
import type { Bus } from '../bus.ts'
import type { Decode } from '../connection/codec.ts'

/**
 * How messages are asked for. Expiry and heartbeat, in milliseconds, bound how late a broken consumer is noticed. A hundred of
 * the largest messages (512 KiB) stay below the 64 MiB at which the server cuts a connection as too slow.
 */
const PULL = { expires: 10_000, idle_heartbeat: 2000, max_messages: 100 } as const

export type FollowOptions<E extends EventEnvelope> = {
  /** First sequence wanted. */
  from: number
  /** `decodeEvent` for typed events, `decodeEnvelope` to match and forward only. */
  decode: Decode<E>
  /** A subject filter such as `lane.evt.*.approval`; default: every event. */
  filter?: string
  signal: AbortSignal
  observe?: (problem: string) => void
}

/**
 * Every event from a sequence on, in order, without end and without gaps, over reconnects and broker restarts: an ordered
 * consumer that is made anew from the next sequence whenever it breaks. The handler is awaited; when it throws, the same
 * event is handed over again after a pause, because skipping it would be losing it.
 */
export const followEvents = async <E extends EventEnvelope>(
  bus: Bus,
  options: FollowOptions<E>,
  handle: (event: E) => Promise<void>,
): Promise<void> => {
  let next = Math.max(1, options.from)
  while (!options.signal.aborted) {
    let messages: ConsumerMessages | undefined
    const stop = () => void messages?.close()
    const offReconnect = bus.onReconnect(stop)
    options.signal.addEventListener('abort', stop, { once: true })
    try {
      const consumer = await consumerOf(bus, startingAt(next, options.filter))
      messages = await onThisConnection(bus, () => consumer.consume({ ...PULL, abort_on_missing_resource: true }))
      if (options.signal.aborted) stop()
      for await (const message of messages) {
        await handOver(message, handle, options)
        if (options.signal.aborted) break
        next = message.seq + 1
      }
      forget(consumer)
    } catch (error) {
      if (!options.signal.aborted) options.observe?.(`event consumer made anew from ${next}: ${String(error)}`)
    } finally {
      offReconnect()
      options.signal.removeEventListener('abort', stop)
    }
    if (!options.signal.aborted) await sleep(50)
  }
}

const startingAt = (seq: number, filter: string | undefined): Partial<OrderedConsumerOptions> => ({
  opt_start_seq: Math.max(1, seq),
  deliver_policy: DeliverPolicy.StartSequence,
  ...(filter && { filterSubjects: filter }),
})

/**
 * As the call, unless the connection is made anew meanwhile: what was asked before is then lost, and the library takes half a
 * minute to notice.
 */
const onThisConnection = async <R>(bus: Bus, call: () => Promise<R>): Promise<R> => {
  let off = (): void => undefined
  const broken = new Promise<never>((_resolve, reject) => {
    off = bus.onReconnect(() => reject(new BridgeError('bus_unavailable', 'The connection was made anew meanwhile')))
  })
  try {
    return await Promise.race([call(), broken])
  } finally {
    off()
  }
}

const consumerOf = (bus: Bus, options: Partial<OrderedConsumerOptions>): Promise<Consumer> =>
  onThisConnection(bus, () => bus.js.consumers.get(STREAMS.events, options))

/** Nobody waits for this: the server forgets an unused consumer by itself. */
const forget = (consumer: Consumer): void => void consumer.delete().catch(() => false)

const handOver = async <E extends EventEnvelope>(
  message: JsMsg,
  handle: (event: E) => Promise<void>,
  options: FollowOptions<E>,
): Promise<void> => {
  const { event, problem } = options.decode(message.data, message.seq)
  if (!event) {
    options.observe?.(`message ${message.seq} of ${message.subject} was skipped: ${problem}`)
    return
  }
  for (let pause = 50; !options.signal.aborted; pause = Math.min(pause * 2, 2000)) {
    try {
      await handle(event)
      return
    } catch (error) {
      options.observe?.(`event ${event.seq} ${event.type} is tried again: ${String(error)}`)
      await sleep(pause)
    }
  }
}

/** A reader that has waited this long asks whether there is anything left to come, in milliseconds. */
const IDLE_CHECK_MS = 1000

/**
 * What a consumer has to deliver at this moment, then ends.
 * @throws BridgeError `bus_unavailable` when the broker goes away before the end: an end that comes early must not pass for one
 */
async function* drain(bus: Bus, consumer: Consumer): AsyncGenerator<JsMsg> {
  if ((await onThisConnection(bus, () => consumer.info(true))).num_pending === 0) return
  const messages = await onThisConnection(bus, () => consumer.consume({ ...PULL, abort_on_missing_resource: true }))
  const offReconnect = bus.onReconnect(() => void messages.close())
  let waitingSince: number | undefined = performance.now()
  let complete = false
  // What was counted may be purged before it is delivered; then nothing comes any more, and nobody says so.
  const endWhenNothingIsLeft = async () => {
    const since = waitingSince
    if (since === undefined || performance.now() - since < IDLE_CHECK_MS) return
    const left = await consumer.info().catch(() => undefined)
    if (left?.num_pending !== 0 || waitingSince !== since) return
    complete = true
    await messages.close()
  }
  const idle = setInterval(() => void endWhenNothingIsLeft(), IDLE_CHECK_MS)
  try {
    for await (const message of messages) {
      waitingSince = undefined
      const isLast = message.info.pending === 0
      yield message
      if (isLast) return
      waitingSince = performance.now()
    }
  } finally {
    clearInterval(idle)
    offReconnect()
  }
  if (!complete) throw new BridgeError('bus_unavailable', 'The event log went away while it was read')
}

/** Raw messages of a range, for replay: JSON text with the sequence in it, type and subject for filtering. */
export type RawEvent = { seq: number; subject: string; type: string; bytes: Uint8Array }

/**
 * Reads stored events from a sequence up to and including another, in order, then ends. `filter` narrows by subject.
 * @throws when the broker goes away; the caller resumes from the last sequence it got
 */
export async function* readRange(bus: Bus, range: { from: number; to: number; filter?: string }): AsyncGenerator<RawEvent> {
  if (range.to < range.from) return
  const consumer = await consumerOf(bus, startingAt(range.from, range.filter))
  try {
    for await (const message of drain(bus, consumer)) {
      if (message.seq > range.to) return
      yield rawOf(message)
      if (message.seq === range.to) return
    }
  } finally {
    forget(consumer)
  }
}

/**
 * The newest event of every aggregate matching the filter. Together they are the whole present state.
 * @throws BridgeError `bus_unavailable` when the broker goes away: a part of the state must not pass for the whole
 */
export async function* readLatestRaw(bus: Bus, filter: string): AsyncGenerator<RawEvent> {
  const consumer = await consumerOf(bus, { deliver_policy: DeliverPolicy.LastPerSubject, filterSubjects: filter })
  try {
    for await (const message of drain(bus, consumer)) yield rawOf(message)
  } finally {
    forget(consumer)
  }
}

/** As readLatestRaw, decoded. Messages that are not events are reported and left out. @throws BridgeError `bus_unavailable` */
export const readLatest = async <E extends EventEnvelope>(bus: Bus, filter: string, decode: Decode<E>): Promise<E[]> => {
  const latest: E[] = []
  for await (const { bytes, seq, subject } of readLatestRaw(bus, filter)) {
    const { event, problem } = decode(bytes, seq)
    if (event) latest.push(event)
    else bus.report(`message ${seq} of ${subject} was skipped: ${problem}`)
  }
  return latest
}

const rawOf = ({ seq, subject, headers, data }: JsMsg): RawEvent => ({
  seq,
  subject,
  type: headers?.get('Lane-Event-Type') ?? '',
  bytes: data,
})
