import { ASK_AGAIN_MS, type Bus, requestText } from '@codex-bridge/bus'
import { BridgeError } from '@codex-bridge/contracts'

/** How long a read may take, in milliseconds. */
const READ_TIMEOUT_MS = 10_000

/** The bus as routes use it: requests in, JSON text out. */
export type BusGateway = {
  /** Sends a read. @throws BridgeError */
  read(subject: string, body: unknown): Promise<string>
  /** Sends a command that may take as long as `timeoutMs`, default the configured command timeout. @throws BridgeError */
  command(subject: string, body: unknown, timeoutMs?: number): Promise<string>
  readonly commandTimeoutMs: number
}

export const openBusGateway = (bus: Bus, commandTimeoutMs: number): BusGateway => {
  const send = (subject: string, body: unknown, timeoutMs: number, againMs?: number): Promise<string> => {
    // While the connection is down the client drops what it is given and lets the caller wait: say so at once instead.
    if (!bus.connected()) return Promise.reject(new BridgeError('bus_unavailable', 'NATS is not connected'))
    return requestText(bus, subject, body, timeoutMs, againMs)
  }
  return {
    commandTimeoutMs,
    read: (subject, body) => send(subject, body, READ_TIMEOUT_MS),
    // A command runs once under its id, so it is asked again when its owner may have died with it in hand.
    command: (subject, body, timeoutMs = commandTimeoutMs) => send(subject, body, timeoutMs, ASK_AGAIN_MS),
  }
}
