import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { BridgeError } from '@codex-bridge/contracts'

/** Bounds for clients that are slow to say what they want, in milliseconds. Answers may take as long as they like. */
const HEADERS_TIMEOUT_MS = 20_000
const REQUEST_TIMEOUT_MS = 120_000
/** Longer than common proxies keep idle connections, so that they close them first and no request meets a closing one. */
const KEEP_ALIVE_MS = 65_000
const WRITE_BUFFER_BYTES = 64 * 1024
/** Requests under way have so long to end when the process stops, in milliseconds. */
const STOP_GRACE_MS = 10_000
const IDLE_CHECK_MS = 20

export type HttpServer = { host: string; port: number; stop(): Promise<void> }

/** Serves on an address; resolves when it listens. @throws when the address is taken or not ours */
export const serveHttp = async (handle: RequestListener, address: { host: string; port: number }): Promise<HttpServer> => {
  const server = createServer(
    {
      noDelay: true,
      keepAlive: true,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      highWaterMark: WRITE_BUFFER_BYTES,
      // The Host guard answers requests without one, in the contract's words.
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

/** What the parser refuses never becomes a request; it still gets an answer it can read. */
const refuse = (error: NodeJS.ErrnoException, socket: Socket): void => {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const message = error.code === 'HPE_HEADER_OVERFLOW' ? 'The headers are too large' : 'This is not an HTTP request'
  const body = JSON.stringify(new BridgeError('validation_error', message).toBody())
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

/** Takes no more connections and waits for the requests under way; kept-alive connections go as they fall idle. */
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
