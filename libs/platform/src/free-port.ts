import { createServer } from 'node:net'

const LOOPBACK = '127.0.0.1'

/** Binds a TCP port for a moment, 0 for any. Returns the port, or undefined if it is taken. */
export const probePort = (port: number, host = LOOPBACK): Promise<number | undefined> =>
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

/**
 * A TCP port that was free a moment ago. Another process may take it before the caller binds it, so a caller that starts a server
 * on it must check that the answer comes from its own server.
 */
export const freePort = async (host = LOOPBACK): Promise<number> => {
  const port = await probePort(0, host)
  if (port === undefined) throw new Error('The system has no free TCP port')
  return port
}
