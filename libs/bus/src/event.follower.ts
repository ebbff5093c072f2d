import { setTimeout as sleep } from 'node:timers/promises'
import { type BridgeEvent, STREAMS } from '@codex-bridge/contracts'
import { type ConsumerMessages, DeliverPolicy, type JsMsg } from 'nats'
import { decodeEvent } from './codec.ts'
import type { Bus } from './connection.ts'

/** Reconnects and heartbeats of a quiet consumer, in milliseconds: bounds how late a broken one is noticed. */
const PULL = { expires: 10_000, idle_heartbeat: 2000, max_messages: 500 } as const

export type FollowOptions = {
  /** First sequence wanted. */
  from: number
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
export const followEvents = async (bus: Bus, options: FollowOptions, handle: (event: BridgeEvent) => Promise<void>): Promise<void> => {
  let next = Math.max(1, options.from)
  while (!options.signal.aborted) {
    let messages: ConsumerMessages | undefined
    const stop = () => void messages?.close()
    const offReconnect = bus.onReconnect(stop)
    options.signal.addEventListener('abort', stop, { once: true })
    try {
      const consumer = await bus.js.consumers.get(STREAMS.events, {
        opt_start_seq: next,
        deliver_policy: DeliverPolicy.StartSequence,
        ...(options.filter && { filterSubjects: options.filter }),
      })
      messages = await consumer.consume({ ...PULL, abort_on_missing_resource: true })
      if (options.signal.aborted) stop()
      for await (const message of messages) {
        await handOver(message, handle, options)
        if (options.signal.aborted) break
        next = message.seq + 1
      }
      await consumer.delete().catch(() => false)
    } catch (error) {
      if (!options.signal.aborted) options.observe?.(`event consumer made anew from ${next}: ${String(error)}`)
    } finally {
      offReconnect()
      options.signal.removeEventListener('abort', stop)
    }
    if (!options.signal.aborted) await sleep(50)
  }
}

const handOver = async (message: JsMsg, handle: (event: BridgeEvent) => Promise<void>, options: FollowOptions): Promise<void> => {
  const event = decodeEvent(message.data, message.seq)
  if (!event) {
    options.observe?.(`message ${message.seq} of ${message.subject} is no event and was passed over`)
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

/** Raw messages of a range, for replay: JSON text with the sequence in it, type and subject for filtering. */
export type RawEvent = { seq: number; subject: string; type: string; bytes: Uint8Array }

/**
 * Reads stored events from a sequence up to and including another, in order, then ends. `filter` narrows by subject.
 * @throws when the broker goes away; the caller resumes from the last sequence it got
 */
export async function* readRange(bus: Bus, range: { from: number; to: number; filter?: string }): AsyncGenerator<RawEvent> {
  if (range.to < range.from) return
  const consumer = await bus.js.consumers.get(STREAMS.events, {
    opt_start_seq: Math.max(1, range.from),
    deliver_policy: DeliverPolicy.StartSequence,
    ...(range.filter && { filterSubjects: range.filter }),
  })
  try {
    const info = await consumer.info(true)
    if (info.num_pending === 0) return
    const messages = await consumer.consume({ ...PULL, abort_on_missing_resource: true })
    for await (const message of messages) {
      if (message.seq > range.to) break
      yield { seq: message.seq, subject: message.subject, type: message.headers?.get('Lane-Event-Type') ?? '', bytes: message.data }
      // A filtered range may end before `to`: nothing pending means that the last match was this one.
      if (message.seq === range.to || message.info.pending === 0) break
    }
  } finally {
    await consumer.delete().catch(() => false)
  }
}

/** The newest event of every aggregate (or of one kind), which together are the whole present state. */
export const readLatest = async (bus: Bus, filter: string): Promise<BridgeEvent[]> => {
  const consumer = await bus.js.consumers.get(STREAMS.events, { deliver_policy: DeliverPolicy.LastPerSubject, filterSubjects: filter })
  const latest: BridgeEvent[] = []
  try {
    if ((await consumer.info(true)).num_pending === 0) return latest
    const messages = await consumer.consume({ ...PULL, abort_on_missing_resource: true })
    for await (const message of messages) {
      const event = decodeEvent(message.data, message.seq)
      if (event) latest.push(event)
      if (message.info.pending === 0) break
    }
  } finally {
    await consumer.delete().catch(() => false)
  }
  return latest
}
