import { type Bus, type RawEvent, subscribeLive } from '@codex-bridge/bus'
import { BridgeError, STREAMS, subjects } from '@codex-bridge/contracts'

/** The range of the stream. `created` identifies it: a re-created stream has a different value. */
export type LogExtent = { firstSeq: number; lastSeq: number; created: string; meanBytes: number }

export type LogRange = { from: number; to: number; laneId?: string | undefined }

/** The event log, as the hub reads it. */
export type LogSource = {
  connected(): boolean
  onReconnect(listener: () => void): () => void
  /** Delivers events as they are stored. Some may be missed; the sequences reveal it. */
  subscribe(handle: (event: RawEvent) => void): () => void
  /** @throws BridgeError when the broker does not respond */
  extent(): Promise<LogExtent>
  /** Yields every stored event of a range in order, in portions. @throws BridgeError when the range cannot be completed */
  read(range: LogRange): AsyncIterable<RawEvent[]>
}

/** Maximum wait for the broker, in milliseconds: a dead broker does not report its death. */
const PATIENCE_MS = 8000

/**
 * Maximum bytes per request to the broker. Unbounded, a reader of one page would be sent the megabytes behind it, and several at once
 * would make the broker close the connection as too slow. It must exceed the largest message, which would never arrive otherwise.
 */
const PORTION_BYTES = 1024 * 1024

/** Message limit that the library sends along with a byte limit. The library does not stop reading at the limit. */
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

/** Reads with one consumer and one request per portion, so that nothing unrequested is sent. */
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
      // The consumer is gone, which a request to it does not report: messages were pending but none arrived.
      else if (pending > 0) throw new BridgeError('bus_unavailable', 'A read of the event log ended early')
    }
  } finally {
    void consumer.delete().catch(() => undefined)
  }
}

const inTime = async <T>(answer: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new BridgeError('bus_unavailable', 'The event log is not responding')), PATIENCE_MS)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
