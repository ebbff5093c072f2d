import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { ok, type ReceivedRequest, type WebhookBehaviour, type WebhookScript } from './webhook-behaviour.ts'

export type WebhookReceiverOptions = {
  host?: string
  /** Default a free one. With the port of a closed receiver that endpoint is available again. */
  port?: number
}

type Matcher = (request: ReceivedRequest) => boolean

type Waiter = {
  readonly isDone: () => boolean
  readonly wake: () => void
}

const parseJson = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return
  }
}

const brief = (request: ReceivedRequest): string => `#${request.index} ${request.method} ${request.path} ${request.outcome}`

/** An HTTP endpoint for webhooks that logs every request and answers by script. */
export class WebhookReceiver {
  readonly port: number
  /** Every request whose body arrived in full, in order of arrival. */
  readonly requests: ReceivedRequest[] = []
  /** Requests being answered. */
  inFlight = 0
  /** Maximum of `inFlight` so far. */
  peakInFlight = 0

  readonly #server: Server
  readonly #origin: string
  readonly #closing = new AbortController()
  readonly #scripts = new Map<string, WebhookScript>()
  readonly #counts = new Map<string, number>()
  readonly #connections = new WeakMap<Socket, number>()
  readonly #waiters = new Set<Waiter>()
  #connectionCount = 0

  constructor(server: Server, host: string) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    this.#origin = `http://${host.includes(':') ? `[${host}]` : host}:${this.port}`
    server.on('connection', (socket) => {
      this.#connections.set(socket, this.#connectionCount)
      this.#connectionCount += 1
      socket.on('error', () => undefined)
    })
    server.on('request', (message, response) => void this.#receive(message, response))
  }

  /** TCP connections accepted so far. */
  get connections(): number {
    return this.#connectionCount
  }

  url(path = '/'): string {
    return `${this.#origin}${path}`
  }

  /** Sets the behaviour of a path from now on; a path without a script answers `ok`. */
  on(path: string, script: WebhookScript): this {
    this.#scripts.set(path, script)
    this.#counts.set(path, 0)
    return this
  }

  /** The logged requests of one path. */
  requestsTo(path: string): ReceivedRequest[] {
    return this.requests.filter((request) => request.path === path)
  }

  /** Resolves with the matching requests as soon as there are `count`, past ones included; rejects after the timeout. */
  waitForRequests(count: number, predicate: Matcher = () => true, timeoutMs = 5000): Promise<ReceivedRequest[]> {
    const matching = (): ReceivedRequest[] => this.requests.filter(predicate)
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer)
        this.#waiters.delete(waiter)
        act()
      }
      const waiter: Waiter = { isDone: () => matching().length >= count, wake: () => settle(() => resolve(matching())) }
      const timer = setTimeout(() => {
        const last = this.requests.slice(-5).map(brief).join(', ') || 'none'
        const seen = `${matching().length} of ${count} matched, ${this.requests.length} arrived, last: ${last}`
        settle(() => reject(new Error(`waited ${timeoutMs} ms for webhook requests: ${seen}`)))
      }, timeoutMs)
      this.#waiters.add(waiter)
      this.#wakeWaiters()
    })
  }

  /** Stops listening and ends every connection, answered or not. */
  async close(): Promise<void> {
    this.#closing.abort()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  #wakeWaiters(): void {
    for (const waiter of this.#waiters) {
      if (waiter.isDone()) waiter.wake()
    }
  }

  async #receive(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of message) chunks.push(chunk as Buffer)
    } catch {
      return // The sender hung up inside its own body, so there is nobody to answer.
    }
    const request = this.#log(message, Buffer.concat(chunks))
    const gone = new AbortController()
    response.on('error', () => undefined)
    response.once('close', () => {
      gone.abort()
      this.inFlight -= 1
      request.endedAt = performance.now()
      if (request.outcome === 'pending') request.outcome = response.writableFinished ? 'answered' : 'abandoned'
    })
    this.inFlight += 1
    this.peakInFlight = Math.max(this.peakInFlight, this.inFlight)
    const behave = this.#nextBehaviour(request)
    this.#wakeWaiters()
    await behave(request, response, AbortSignal.any([gone.signal, this.#closing.signal]))
  }

  #log(message: IncomingMessage, rawBody: Buffer): ReceivedRequest {
    const [path = '/', query = ''] = (message.url ?? '/').split(/\?(.*)/s, 2)
    const request: ReceivedRequest = {
      index: this.requests.length,
      method: message.method ?? '',
      path,
      query,
      headers: message.headers,
      rawHeaders: message.rawHeaders,
      rawBody,
      json: parseJson(rawBody),
      receivedAt: performance.now(),
      receivedAtEpochMs: Date.now(),
      connection: this.#connections.get(message.socket) ?? -1,
      outcome: 'pending',
      endedAt: undefined,
      responseBytes: 0,
    }
    this.requests.push(request)
    return request
  }

  #nextBehaviour(request: ReceivedRequest): WebhookBehaviour {
    const script = this.#scripts.get(request.path) ?? ok
    const nth = this.#counts.get(request.path) ?? 0
    this.#counts.set(request.path, nth + 1)
    if (typeof script === 'function') return script
    return 'choose' in script ? script.choose(request, nth) : (script[nth] ?? ok)
  }
}

/** Starts a receiver; the test must `close()` it. */
export const startWebhookReceiver = (options: WebhookReceiverOptions = {}): Promise<WebhookReceiver> => {
  const { host = '127.0.0.1', port = 0 } = options
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve(new WebhookReceiver(server, host)))
  })
}
