import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { BridgeError } from '@codex-bridge/contracts'

/** Limits for clients that send slowly, in milliseconds. Responses have no limit. */
const HEADERS_TIMEOUT_MS = 20_000
const REQUEST_TIMEOUT_MS = 120_000
/** Longer than common proxies keep idle connections: the proxy closes them first, so no request meets a closing connection. */
const KEEP_ALIVE_MS = 65_000
const WRITE_BUFFER_BYTES = 64 * 1024
/** How long open requests may take to finish when the server stops, in milliseconds. */
const STOP_GRACE_MS = 10_000
const IDLE_CHECK_MS = 20

export type HttpServer = { host: string; port: number; stop(): Promise<void> }

/** Starts a server; resolves when it listens. @throws Error when the address is in use or not local */
export const serveHttp = async (handle: RequestListener, address: { host: string; port: number }): Promise<HttpServer> => {
  const server = createServer(
    {
      noDelay: true,
      keepAlive: true,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      highWaterMark: WRITE_BUFFER_BYTES,
      // The host guard rejects requests without a Host header, with an error body of the API.
      requireHostHeader: false,
    },
    handle,
  )
  server.on('clientError', refuse)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(address, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const bound = server.address() as AddressInfo
  return { host: bound.address, port: bound.port, stop: () => close(server) }
}

/** Answers what the HTTP parser rejects: such a request never reaches the application. */
const refuse = (error: NodeJS.ErrnoException, socket: Socket): void => {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const message = error.code === 'HPE_HEADER_OVERFLOW' ? 'The request headers are too large' : 'The request is not valid HTTP'
  const body = JSON.stringify(new BridgeError('validation_error', message).toBody())
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

/** Stops accepting connections and waits for open requests. Keep-alive connections are closed as they become idle. */
const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS)
    const late = setTimeout(() => server.closeAllConnections(), STOP_GRACE_MS)
    server.close(() => {
      clearInterval(idle)
      clearTimeout(late)
      resolve()
    })
  })
