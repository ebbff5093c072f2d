import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** One request as received, and the outcome of its answer. */
export type ReceivedRequest = {
  /** Position in the log, from 0. */
  readonly index: number
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: string
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** Names as they were sent, name and value in turn. */
  readonly rawHeaders: readonly string[]
  readonly rawBody: Buffer
  /** The body parsed; undefined when it is not JSON. */
  readonly json: unknown
  /** `performance.now()` when the body was complete. */
  readonly receivedAt: number
  /** The same moment on the wall clock, in ms. */
  readonly receivedAtEpochMs: number
  /** Number of the TCP connection, from 0: equal numbers mean a reused connection. */
  readonly connection: number
  /** `pending` until the answer ends; `abandoned` when the client hung up first, `broken` when the behaviour did. */
  outcome: 'pending' | 'answered' | 'abandoned' | 'broken'
  /** `performance.now()` of the end of the answer. */
  endedAt: number | undefined
  /** Body bytes handed to the socket so far. */
  responseBytes: number
}

/** Answers one request, correctly or not. Must end when `signal` aborts: the client has gone or the receiver closes. */
export type WebhookBehaviour = (request: ReceivedRequest, response: ServerResponse, signal: AbortSignal) => void | Promise<void>

/**
 * Behaviour of a path: a list, one per request, then always `ok`; a single behaviour for all requests; or a choice per request,
 * given its number on that path from 0.
 */
export type WebhookScript =
  | WebhookBehaviour
  | readonly WebhookBehaviour[]
  | { readonly choose: (request: ReceivedRequest, nth: number) => WebhookBehaviour }

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
    if (signal.aborted) done()
  })

/** Writes a chunk, and waits if the client reads more slowly, so that a huge body does not pile up in memory. */
const writeSome = async (request: ReceivedRequest, response: ServerResponse, chunk: Buffer, signal: AbortSignal): Promise<void> => {
  request.responseBytes += chunk.length
  if (!response.write(chunk)) {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        response.off('drain', done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      response.once('drain', done)
      signal.addEventListener('abort', done, { once: true })
      if (signal.aborted) done()
    })
  }
}

/** Answers with a status, headers and a text body. */
export const status =
  (code: number, headers: OutgoingHttpHeaders = {}, body = ''): WebhookBehaviour =>
  (request, response) => {
    request.responseBytes += Buffer.byteLength(body)
    response.writeHead(code, headers).end(body)
  }

/** 200 with a small JSON body: what a healthy receiver says. */
export const ok: WebhookBehaviour = status(200, { 'content-type': 'application/json' }, '{"ok":true}')

/** Never answers; the connection stays open. */
export const hang: WebhookBehaviour = () => undefined

/** Waits, then behaves as given. */
export const delay =
  (ms: number, then: WebhookBehaviour = ok): WebhookBehaviour =>
  async (request, response, signal) => {
    await pause(ms, signal)
    if (!signal.aborted) await then(request, response, signal)
  }

/** Breaks the connection with a TCP reset (ECONNRESET at the sender), without a byte of answer. */
export const reset: WebhookBehaviour = (request, response) => {
  request.outcome = 'broken'
  response.socket?.resetAndDestroy()
}

/** Sends status and headers that announce a body, then ends the connection without one. */
export const closeAfterHeaders =
  (code = 200): WebhookBehaviour =>
  (request, response) => {
    request.outcome = 'broken'
    response.writeHead(code, { 'content-type': 'application/json', 'content-length': '1000' })
    response.flushHeaders()
    response.socket?.end()
  }

/** Answers 200 at once and then sends the body byte by byte: a per-chunk timeout of the sender never fires. */
export const drip = (options: { bytes?: number; intervalMs?: number; code?: number } = {}): WebhookBehaviour => {
  const { bytes = Number.POSITIVE_INFINITY, intervalMs = 1000, code = 200 } = options
  return async (request, response, signal) => {
    response.writeHead(code, { 'content-type': 'text/plain' })
    response.flushHeaders()
    for (let sent = 0; sent < bytes && !signal.aborted; sent += 1) {
      await pause(intervalMs, signal)
      await writeSome(request, response, Buffer.from('.'), signal)
    }
    response.end()
  }
}

/** Answers with a body of the given size, as fast as the sender reads it. */
export const huge =
  (bytes = 64 * 1024 * 1024, code = 200): WebhookBehaviour =>
  async (request, response, signal) => {
    response.writeHead(code, { 'content-type': 'application/octet-stream' })
    for (let left = bytes; left > 0 && !signal.aborted; left -= 65_536) {
      await writeSome(request, response, Buffer.alloc(Math.min(left, 65_536), 'x'), signal)
    }
    response.end()
  }

/** Answers with a redirect. */
export const redirect = (to: string, code = 302): WebhookBehaviour => status(code, { location: to })
