import { type Bus, type RawEvent, subscribeLive } from '@codex-bridge/bus'
import { BridgeError, STREAMS, subjects } from '@codex-bridge/contracts'

/** What the stream holds, and which stream it is: one that was made anew has another `created`. */
export type LogExtent = { firstSeq: number; lastSeq: number; created: string; meanBytes: number }

export type LogRange = { from: number; to: number; laneId?: string | undefined }

/** The event log as the hub needs it. */
export type LogSource = {
  connected(): boolean
  onReconnect(listener: () => void): () => void
  /** Events as they are stored; some may be missed, and whoever needs all compares sequences. */
  subscribe(handle: (event: RawEvent) => void): () => void
  /** @throws when the broker does not answer */
  extent(): Promise<LogExtent>
  /** Everything kept in a range, in order and in portions. Ends only when the range is complete. @throws otherwise */
  read(range: LogRange): AsyncIterable<RawEvent[]>
}

/** An answer that takes longer is given up, in milliseconds: a broker that died does not say so. */
const PATIENCE_MS = 8000

/**
 * What the broker is asked for at once. Bounded in bytes: a reader that wants a page must not be sent the megabytes behind
 * it, and several of those at once make the broker cut the whole connection as too slow. It must exceed the largest message,
 * which would never come otherwise.
 */
const PORTION_BYTES = 1024 * 1024

/** What the library asks for together with a limit in bytes. It does not notice by itself that so many have come. */
const PORTION_EVENTS = 100
const PORTION_EXPIRES_MS = 5000

export const openLogSource = (bus: Bus): LogSource => ({
  connected: () => bus.connected(),
  onReconnect: (listener) => bus.onReconnect(listener),
  subscribe: (handle) => subscribeLive(bus, handle),
  extent: async () => {
    assertConnected(bus)
    const { state, created } = await bus.jsm.streams.info(STREAMS.events)
    return { firstSeq: state.first_seq, lastSeq: state.last_seq, created, meanBytes: state.bytes / Math.max(1, state.messages) }
  },
  read: (range) => readPortions(bus, range),
})

const assertConnected = (bus: Bus): void => {
  if (!bus.connected()) throw new BridgeError('bus_unavailable', 'NATS is not connected')
}

/** Reads with one consumer and one request per portion, so that what nobody asks for is not sent. */
async function* readPortions(bus: Bus, { from, to, laneId }: LogRange): AsyncGenerator<RawEvent[]> {
  if (to < from) return
  assertConnected(bus)
  const filter = laneId === undefined ? {} : { filterSubjects: subjects.laneEvents(laneId) }
  const consumer = await inTime(bus.js.consumers.get(STREAMS.events, { opt_start_seq: Math.max(1, from), ...filter }))
  try {
    let pending = (await inTime(consumer.info(true))).num_pending
    while (pending > 0) {
      const portion: RawEvent[] = []
      const collect = async () => {
        for await (const message of await consumer.fetch({ max_bytes: PORTION_BYTES, expires: PORTION_EXPIRES_MS })) {
          pending = message.seq >= to ? 0 : message.info.pending
          if (message.seq > to) return
          const type = message.headers?.get('Lane-Event-Type') ?? ''
          portion.push({ seq: message.seq, subject: message.subject, type, bytes: message.data })
          if (pending === 0 || portion.length >= PORTION_EVENTS) return
        }
      }
      await inTime(collect())
      if (portion.length > 0) yield portion
      // Promised and not sent: the consumer is gone, which a request to it does not tell.
      else if (pending > 0) throw new BridgeError('bus_unavailable', 'A read of the event log broke off')
    }
  } finally {
    void consumer.delete().catch(() => undefined)
  }
}

const inTime = async <T>(answer: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new BridgeError('bus_unavailable', 'The event log does not answer')), PATIENCE_MS)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
