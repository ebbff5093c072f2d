import { type BusOptions, type Connection, openConnection } from './connection/connection.ts'
import { type Caller, callerOf } from './requests/call.ts'

/** The bus as services use it: one connection to NATS, and typed requests over it. */
export type Bus = Connection & Caller

/**
 * Connects, waiting until the server is reachable.
 * @throws BridgeError `bus_unavailable` when the server is too old for how it is run (see server-requirements.ts)
 */
export const connectBus = async (options: BusOptions): Promise<Bus> => {
  const connection = await openConnection(options)
  return { ...connection, ...callerOf(connection) }
}
