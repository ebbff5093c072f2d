import type { BusRole, StoredEvent } from '@codex-bridge/contracts'
import { type NatsOptions, type NatsServer, startNats, waitFor } from '@codex-bridge/testkit'
import { type Bus, connectBus } from '../src/bus.ts'
import type { BusOptions } from '../src/connection/connection.ts'
import { applyTopology } from '../src/server/topology.ts'

/** A NATS server with the bridge's streams, and connections to it that are closed with it. */
export type Rig = {
  server: NatsServer
  /** Connected as migrator. */
  bus: Bus
  /** Starts the server again and waits until every connection is back: what is sent before that is dropped without a word. */
  restart(): Promise<void>
  connect(role?: BusRole, options?: Partial<BusOptions>): Promise<Bus>
  stop(): Promise<void>
}

export const startRig = async (options: NatsOptions = {}, login: Partial<BusOptions> = {}): Promise<Rig> => {
  const server = await startNats({ exclusive: true, ...options })
  const buses: Bus[] = []
  const connect = async (role: BusRole = 'migrator', more: Partial<BusOptions> = {}): Promise<Bus> => {
    const bus = await connectBus({ url: server.url, role, instance: `test-${buses.length}`, ...login, ...more })
    buses.push(bus)
    return bus
  }
  const bus = await connect()
  await applyTopology(bus)
  return {
    server,
    bus,
    connect,
    restart: async () => {
      await server.restart()
      const open = buses.filter(({ nc }) => !nc.isClosed())
      await Promise.all(open.map((one) => waitFor(() => one.nc.flush().then(() => true), { timeoutMs: 10_000, describe: 'a reconnect' })))
    },
    stop: async () => {
      await Promise.all(buses.map(({ nc }) => nc.close()))
      await server.stop()
    },
  }
}

let made = 0

/** An event of the right form. `n` is kept in payload and state. */
export const eventOf = (laneId: string, n: number, more: Partial<StoredEvent> = {}): StoredEvent => {
  made += 1
  return {
    id: `evt_${process.pid}x${made}`,
    ts: new Date().toISOString(),
    type: 'lane.updated',
    laneId,
    threadId: null,
    sessionId: null,
    payload: { n },
    state: { n },
    ...more,
  }
}
