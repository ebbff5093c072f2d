import { createServer } from 'node:net'

/**
 * A TCP port on `host` that was free a moment ago. Another process may still take it before the caller binds, so a
 * caller that starts a server on it must check that the answer comes from its own server.
 */
export const freePort = (host = '127.0.0.1'): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, host, () => {
      const address = server.address()
      server.close((error) => {
        if (error || address === null || typeof address === 'string') {
          reject(error ?? new Error(`no TCP address for ${host}`))
          return
        }
        resolve(address.port)
      })
    })
  })
