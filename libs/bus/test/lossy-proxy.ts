import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'

/** A TCP relay that can let requests through while every answer to them is lost. */
export type LossyProxy = {
  url: string
  /** From now on nothing comes back; `ms` later every connection is cut and the next ones work again. */
  loseAnswers(ms: number): Promise<void>
  /** Cuts every connection and takes no new one for `ms`. */
  refuse(ms: number): Promise<void>
  close(): Promise<void>
}

export const startLossyProxy = async (port: number): Promise<LossyProxy> => {
  let losing = false
  let refusing = false
  const pairs = new Set<Socket>()
  const server = createServer((client) => {
    if (refusing) {
      client.destroy()
      return
    }
    const upstream = connect(port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      pairs.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        pairs.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (chunk) => upstream.write(chunk))
    upstream.on('data', (chunk) => {
      if (!losing) client.write(chunk)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    loseAnswers: async (ms) => {
      losing = true
      await new Promise((resolve) => setTimeout(resolve, ms))
      losing = false
      for (const socket of pairs) socket.destroy()
    },
    refuse: async (ms) => {
      refusing = true
      for (const socket of pairs) socket.destroy()
      await new Promise((resolve) => setTimeout(resolve, ms))
      refusing = false
    },
    close: async () => {
      for (const socket of pairs) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
