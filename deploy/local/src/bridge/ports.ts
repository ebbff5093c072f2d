import { createServer } from 'node:net'
import { readJsonFile, writePrivateFile } from './private-file.ts'

/** Ports of the servers of one data folder, kept so that a subscriber's NATS URL stays valid over restarts. */
export type ServerPorts = { nats: number; redis: number }

export const PREFERRED_PORTS: ServerPorts = { nats: 4222, redis: 6379 }
const PORTS_TRIED = 50

/** Listens on a port for a moment: the port it got, or undefined when it is taken. Port 0 asks for any free one. */
export const probePort = (port: number, host = '127.0.0.1'): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined))
    })
  })

/** Any free port, from the system's own range. */
export const anyFreePort = async (host?: string): Promise<number> => {
  const port = await probePort(0, host)
  if (port === undefined) throw new Error('The system has no free TCP port')
  return port
}

/** The first free port of `wanted`, `wanted + 1`, …; `avoid` are those given away already. */
export const freePortFrom = async (wanted: number, avoid: readonly number[] = []): Promise<number> => {
  for (let port = wanted; port < wanted + PORTS_TRIED; port += 1) {
    if (!avoid.includes(port) && (await probePort(port)) !== undefined) return port
  }
  return anyFreePort()
}

const isPort = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536

/** Ports used last time, as far as they are known. */
export const readPorts = (path: string): Partial<ServerPorts> => {
  const stored = readJsonFile(path) as Partial<ServerPorts> | undefined
  return { ...(isPort(stored?.nats) && { nats: stored.nats }), ...(isPort(stored?.redis) && { redis: stored.redis }) }
}

export const writePorts = (path: string, ports: Partial<ServerPorts>): void => writePrivateFile(path, `${JSON.stringify(ports)}\n`)
