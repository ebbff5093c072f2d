import { freePort, probePort } from '@codex-bridge/platform'
import { readJsonFile, writePrivateFile } from './private-file.ts'

/** Something else listens on the port of the gateway. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError'

  constructor(port: number, host: string) {
    super(`Port ${port} on ${host} is taken by another program. Choose another: PORT=${port + 1} npm start`)
  }
}

/** Ports of the servers of one data folder, kept so that a subscriber's NATS URL stays valid over restarts. */
export type ServerPorts = { nats: number; redis: number }

export const PREFERRED_PORTS: ServerPorts = { nats: 4222, redis: 6379 }
const PORTS_TRIED = 50

/** The first free port of `wanted`, `wanted + 1`, …, skipping those in `avoid`; any free port if there is none. */
export const freePortFrom = async (wanted: number, avoid: readonly number[] = []): Promise<number> => {
  for (let port = wanted; port < wanted + PORTS_TRIED; port += 1) {
    if (!avoid.includes(port) && (await probePort(port)) !== undefined) return port
  }
  return freePort()
}

const isPort = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536

/** Ports used last time, if known. */
export const readPorts = (path: string): Partial<ServerPorts> => {
  const stored = readJsonFile(path) as Partial<ServerPorts> | undefined
  return { ...(isPort(stored?.nats) && { nats: stored.nats }), ...(isPort(stored?.redis) && { redis: stored.redis }) }
}

export const writePorts = (path: string, ports: Partial<ServerPorts>): void => writePrivateFile(path, `${JSON.stringify(ports)}\n`)
