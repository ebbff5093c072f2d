import { type Bus, type CallOptions, type LaneCallOptions, RESEND_MS } from '@codex-bridge/bus'
import { BridgeError, type LaneVerb, type RequestOf, type ServiceVerb } from '@codex-bridge/contracts'

/** How long a read may take, in milliseconds. */
const READ_TIMEOUT_MS = 10_000

/** The bus as routes use it: requests in, JSON text of the checked replies out. */
export type BusGateway = {
  /** Sends a read. @throws BridgeError */
  read<V extends ServiceVerb>(verb: V, request: RequestOf<V>): Promise<string>
  /** Sends a command that may take `timeoutMs`, by default the configured command timeout. @throws BridgeError */
  command<V extends ServiceVerb>(verb: V, request: RequestOf<V>, timeoutMs?: number): Promise<string>
  /** As command, to the holder of the lane's session. @throws BridgeError */
  laneCommand<V extends LaneVerb>(verb: V, request: RequestOf<V>, laneId: string, timeoutMs: number): Promise<string>
  readonly commandTimeoutMs: number
}

export const openBusGateway = (bus: Bus, commandTimeoutMs: number): BusGateway => {
  // While the connection is down, the client drops what it is given and lets the caller wait: fail at once instead.
  const assertConnected = (): void => {
    if (!bus.connected()) throw new BridgeError('bus_unavailable', 'NATS is not connected')
  }
  const send = async <V extends ServiceVerb>(verb: V, request: RequestOf<V>, options: CallOptions): Promise<string> => {
    assertConnected()
    return await bus.callText(verb, request, options)
  }
  const sendToLane = async <V extends LaneVerb>(verb: V, request: RequestOf<V>, options: LaneCallOptions): Promise<string> => {
    assertConnected()
    return await bus.callText(verb, request, options)
  }
  return {
    commandTimeoutMs,
    // Re-sent in case the process that got the request died with it. That is safe: a read changes nothing, and a command runs
    // once under its id.
    read: (verb, request) => send(verb, request, { timeoutMs: READ_TIMEOUT_MS, resendMs: RESEND_MS }),
    command: (verb, request, timeoutMs = commandTimeoutMs) => send(verb, request, { timeoutMs, resendMs: RESEND_MS }),
    laneCommand: (verb, request, laneId, timeoutMs) => sendToLane(verb, request, { laneId, timeoutMs, resendMs: RESEND_MS }),
  }
}
