import type { BusRole } from '@codex-bridge/contracts'
import { type NatsOptions, type NatsServer, startNats, waitFor } from '@codex-bridge/testkit'
import { type Bus, connectBus } from '../bus.ts'
import type { BusOptions } from '../connection/connection.ts'
import { applyTopology } from '../server/topology.ts'

/** A NATS server with the bridge's streams, and connections to it that are closed with it. For tests only. */
export type Broker = {
  nats: NatsServer
  /** Connected as migrator. */
  bus: Bus
  /** Opens a further connection. Default role: migrator. */
  connect(role?: BusRole, options?: Partial<BusOptions>): Promise<Bus>
  /** Restarts the server and waits until every connection is back; what is sent before that is dropped silently. */
  restart(): Promise<void>
  stop(): Promise<void>
}

const RECONNECT_TIMEOUT_MS = 10_000

/** Starts a NATS server of its own and declares the streams. @param login of every connection, for a server with users */
export const startBroker = async (options: NatsOptions = {}, login: Partial<BusOptions> = {}): Promise<Broker> => {
  const nats = await startNats({ exclusive: true, ...options })
  const buses: Bus[] = []
  const connect = async (role: BusRole = 'migrator', more: Partial<BusOptions> = {}): Promise<Bus> => {
    const bus = await connectBus({ url: nats.url, role, instance: `test-${buses.length}`, ...login, ...more })
    buses.push(bus)
    return bus
  }
  const bus = await connect()
  await applyTopology(bus)
  return {
    nats,
    bus,
    connect,
    restart: async () => {
      await nats.restart()
      const open = buses.filter(({ nc }) => !nc.isClosed())
      const isBack = ({ nc }: Bus) => nc.flush().then(() => true)
      await Promise.all(open.map((one) => waitFor(() => isBack(one), { timeoutMs: RECONNECT_TIMEOUT_MS, describe: 'a reconnect' })))
    },
    stop: async () => {
      await Promise.all(buses.map(({ nc }) => nc.close()))
      await nats.stop()
    },
  }
}
