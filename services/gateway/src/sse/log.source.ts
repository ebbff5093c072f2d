import { type Bus, type RawEvent, readRange, subscribeLive } from '@codex-bridge/bus'
import { BridgeError, STREAMS, subjects } from '@codex-bridge/contracts'

/** What the stream holds, and which stream it is: one that was made anew has another `created`. */
export type LogExtent = { firstSeq: number; lastSeq: number; created: string }

export type LogRange = { from: number; to: number; laneId?: string | undefined }

/** The event log as the hub needs it. */
export type LogSource = {
  connected(): boolean
  onReconnect(listener: () => void): () => void
  /** Events as they are stored; some may be missed, and whoever needs all compares sequences. */
  subscribe(handle: (event: RawEvent) => void): () => void
  /** @throws when the broker does not answer */
  extent(): Promise<LogExtent>
  /** Everything kept in a range, in order. Ends only when the range is complete. @throws otherwise */
  read(range: LogRange): AsyncIterable<RawEvent>
}

/** A read that delivers nothing for so long is given up, in milliseconds: a broker that died does not say so. */
const STALL_MS = 8000

export const openLogSource = (bus: Bus): LogSource => {
  let reconnects = 0
  bus.onReconnect(() => {
    reconnects += 1
  })
  return {
    connected: () => bus.connected(),
    onReconnect: (listener) => bus.onReconnect(listener),
    subscribe: (handle) => subscribeLive(bus, handle),
    extent: async () => {
      if (!bus.connected()) throw new BridgeError('bus_unavailable', 'NATS is not connected')
      const { state, created } = await bus.jsm.streams.info(STREAMS.events)
      return { firstSeq: state.first_seq, lastSeq: state.last_seq, created }
    },
    async *read(range) {
      if (!bus.connected()) throw new BridgeError('bus_unavailable', 'NATS is not connected')
      const before = reconnects
      const filter = range.laneId === undefined ? {} : { filter: subjects.laneEvents(range.laneId) }
      yield* unstalled(readRange(bus, { from: range.from, to: range.to, ...filter }), STALL_MS)
      // A consumer that was closed under the reader ends like one that is done.
      if (!bus.connected() || reconnects !== before) throw new BridgeError('bus_unavailable', 'The connection changed during a read')
    },
  }
}

/** Passes values on, and throws when the next one does not come in time. */
async function* unstalled<T>(source: AsyncGenerator<T>, stallMs: number): AsyncGenerator<T> {
  let waitingSince = Date.now()
  let give: (error: Error) => void = () => undefined
  const stalled = new Promise<never>((_resolve, reject) => {
    give = reject
  })
  stalled.catch(() => undefined)
  const timer = setInterval(() => {
    if (Date.now() - waitingSince > stallMs) give(new BridgeError('bus_unavailable', 'A read of the event log stalled'))
  }, 1000)
  let done = false
  try {
    for (;;) {
      waitingSince = Date.now()
      const next = await Promise.race([source.next(), stalled])
      if (next.done) {
        done = true
        return
      }
      waitingSince = Number.POSITIVE_INFINITY
      yield next.value
    }
  } finally {
    clearInterval(timer)
    // Not awaited: ending a source that hangs would hang as well.
    if (!done) void source.return(undefined).catch(() => undefined)
  }
}
