import { type CodexMethod, type CodexParams, type CodexResult, isCodexResult } from '../protocol/methods.ts'
import { encodeJsonLine, type JsonLine, JsonLineDecoder } from './json-lines.ts'
import { type RequestOptions, type RpcAnswer, RpcCalls } from './rpc-calls.ts'
import { RPC_INTERNAL_ERROR, RPC_METHOD_NOT_FOUND, RpcClosedError, RpcResultError } from './rpc-errors.ts'
import type {
  NotificationHandler,
  ProtocolError,
  RpcPeerOptions,
  RpcPeerStats,
  ServerRequestHandler,
  ServerRequestId,
  ServerRequestMessage,
} from './rpc-peer-options.ts'

const DEFAULT_REQUEST_TIMEOUT_MS = 30_000
/** With more than about 100 requests in flight on stdio, codex answers some with -32001 and others not at all. */
const DEFAULT_MAX_IN_FLIGHT = 96

/**
 * One side of the app-server's JSON lines protocol over a pair of streams.
 *
 * Order: lines are handled synchronously in the order of arrival, so notification and request handlers run in that order. A response
 * settles its promise in that order too, but code that awaits it continues in a microtask, possibly after the handlers of lines from
 * the same chunk. `RequestOptions.onResult` runs exactly in order.
 *
 * A handler never breaks the connection: what it throws goes to `onProtocolError`.
 */
export class RpcPeer {
  readonly #options: RpcPeerOptions
  readonly #calls: RpcCalls
  readonly #decoder: JsonLineDecoder
  readonly #notificationHandlers = new Set<NotificationHandler>()
  readonly #closeHandlers = new Set<(cause: unknown) => void>()
  readonly #serverRequests = new Map<ServerRequestId, string>()
  #requestHandler: ServerRequestHandler | undefined
  #lateResponses = 0
  #protocolErrors = 0
  #closed = false
  #closeCause: unknown

  constructor(options: RpcPeerOptions) {
    this.#options = options
    this.#requestHandler = options.onRequest
    if (options.onNotification) this.#notificationHandlers.add(options.onNotification)
    if (options.onClose) this.#closeHandlers.add(options.onClose)
    this.#calls = new RpcCalls((message) => this.#write(message), {
      maxInFlight: options.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT,
      random: options.random ?? Math.random,
    })
    this.#decoder = new JsonLineDecoder(options.maxLineBytes)
    options.readable.on('data', this.#onData)
    options.readable.on('end', this.#onEnd)
    options.readable.on('close', this.#onEnd)
    options.readable.on('error', this.#onReadError)
    options.writable.on('error', this.#onWriteError)
  }

  get closed(): boolean {
    return this.#closed
  }

  get stats(): RpcPeerStats {
    return {
      inFlight: this.#calls.inFlight,
      queued: this.#calls.queued,
      openServerRequests: this.#serverRequests.size,
      lateResponses: this.#lateResponses,
      protocolErrors: this.#protocolErrors,
    }
  }

  /**
   * Sends a request and waits for its answer.
   * @throws RpcError the server's error answer (-32001 "overloaded" is retried until the deadline first)
   * @throws RpcTimeoutError no answer before the deadline
   * @throws RpcClosedError the connection is or got closed
   */
  request<R = unknown>(method: string, params: unknown, options: RequestOptions = {}): Promise<R> {
    if (!this.#writable()) return Promise.reject(new RpcClosedError(method, false, this.#closeCause))
    const timeoutMs = options.timeoutMs ?? this.#options.defaultTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS
    // codex rejects a request without params, even if none are defined.
    return this.#calls.start(method, params ?? {}, timeoutMs, { ...options, ...this.#guardedResult(method, options) }) as Promise<R>
  }

  /**
   * {@link request} with typed parameters and a checked result.
   * @throws RpcResultError the answer lacks what the bridge reads of it
   */
  async call<M extends CodexMethod>(method: M, params: CodexParams<M>, options?: RequestOptions): Promise<CodexResult<M>> {
    const result = await this.request(method, params, options)
    if (!isCodexResult(method, result)) throw new RpcResultError(method)
    return result
  }

  /** Sends a notification. False when the connection takes no more. */
  notify(method: string, params?: unknown): boolean {
    return this.#write({ method, ...(params === undefined ? {} : { params }) })
  }

  /** Answers a server request. False when it is not open: unknown, already answered, resolved by the server, or closed. */
  respond(id: ServerRequestId, result: unknown): boolean {
    return this.#respond(id, { result })
  }

  /** Answers a server request with an error. Returns as {@link respond}. */
  respondError(id: ServerRequestId, error: { code: number; message: string; data?: unknown }): boolean {
    return this.#respond(id, { error })
  }

  /** Drops a server request that the server itself has resolved. False when it was not open. */
  forgetServerRequest(id: ServerRequestId): boolean {
    return this.#serverRequests.delete(id)
  }

  /** Adds a notification handler. Returns its removal. Earlier notifications are lost, so prefer the option. */
  onNotification(handler: NotificationHandler): () => void {
    this.#notificationHandlers.add(handler)
    return () => this.#notificationHandlers.delete(handler)
  }

  /** Sets the handler of server requests. Without one, every request is answered -32601 at once. */
  onRequest(handler: ServerRequestHandler): void {
    this.#requestHandler = handler
  }

  /** Calls back when the connection closes, or in a microtask if it is closed. Returns the removal. */
  onClose(handler: (cause: unknown) => void): () => void {
    if (this.#closed) {
      queueMicrotask(() => handler(this.#closeCause))
      return () => undefined
    }
    this.#closeHandlers.add(handler)
    return () => this.#closeHandlers.delete(handler)
  }

  /** Stops reading and rejects every pending request. Does not close the streams. Idempotent. */
  close(cause?: unknown): void {
    if (this.#closed) return
    this.#closed = true
    this.#closeCause = cause
    const { readable } = this.#options
    readable.off('data', this.#onData)
    readable.off('end', this.#onEnd)
    readable.off('close', this.#onEnd)
    // The error listeners stay: a later EPIPE or ECONNRESET must not crash the process.
    readable.resume()
    this.#serverRequests.clear()
    this.#calls.closeAll(cause)
    for (const handler of this.#closeHandlers) {
      this.#guard('onClose', () => handler(cause))
    }
    this.#closeHandlers.clear()
  }

  readonly #onData = (chunk: Buffer): void => this.#onLines(this.#decoder.push(chunk))

  readonly #onEnd = (): void => {
    this.#onLines(this.#decoder.end())
    this.close(this.#closeCause)
  }

  readonly #onReadError = (cause: unknown): void => {
    this.#report({ kind: 'stream_error', detail: 'readable', cause })
    this.close(cause)
  }

  /** A broken writable does not close the peer: answers and notifications on their way are still read. */
  readonly #onWriteError = (cause: unknown): void => {
    this.#closeCause ??= cause
    this.#report({ kind: 'stream_error', detail: 'writable', cause })
  }

  #guardedResult(method: string, { onResult }: RequestOptions): Pick<RequestOptions, 'onResult'> {
    return onResult ? { onResult: (result) => void this.#guard(`onResult of ${method}`, () => onResult(result)) } : {}
  }

  #onLines(lines: Iterable<JsonLine>): void {
    for (const line of lines) {
      if ('value' in line) this.#onMessage(line.value)
      else this.#report({ kind: line.error.kind, detail: `${line.error.bytes} bytes: ${line.error.preview}` })
    }
  }

  #writable(): boolean {
    return !this.#closed && this.#options.writable.writable
  }

  #write(message: object): boolean {
    const line = encodeJsonLine(message)
    if (!this.#writable()) return false
    this.#options.writable.write(line)
    return true
  }

  #respond(id: ServerRequestId, answer: RpcAnswer): boolean {
    if (!(this.#serverRequests.has(id) && this.#write({ id, ...answer }))) return false
    this.#serverRequests.delete(id)
    return true
  }

  #onMessage(value: unknown): void {
    if (this.#closed) return
    const message = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
    const { id, method } = message
    if (typeof method === 'string' && (typeof id === 'number' || typeof id === 'string')) {
      this.#onServerRequest({ id, method, params: message['params'] })
    } else if (typeof method === 'string' && id === undefined) {
      this.#onServerNotification(method, message['params'], message['emittedAtMs'])
    } else if (method === undefined && id !== undefined) {
      this.#onResponse(id, message)
    } else {
      this.#report({ kind: 'unknown_message', detail: preview(value) })
    }
  }

  #onServerNotification(method: string, params: unknown, emittedAt: unknown): void {
    const emittedAtMs = typeof emittedAt === 'number' ? emittedAt : undefined
    for (const handler of [...this.#notificationHandlers]) {
      this.#guard(method, () => handler(method, params, emittedAtMs))
    }
  }

  #onServerRequest(request: ServerRequestMessage): void {
    this.#serverRequests.set(request.id, request.method)
    const handler = this.#requestHandler
    if (!handler) {
      this.respondError(request.id, { code: RPC_METHOD_NOT_FOUND, message: `no handler for ${request.method}` })
      return
    }
    if (!this.#guard(request.method, () => handler(request))) {
      // codex waits for an answer without limit, and an error grants nothing. No effect if the handler had answered.
      this.respondError(request.id, { code: RPC_INTERNAL_ERROR, message: 'the client failed to handle the request' })
    }
  }

  #onResponse(id: unknown, message: Record<string, unknown>): void {
    const answer = readAnswer(message)
    const verdict = typeof id === 'number' && answer ? this.#calls.answer(id, answer) : 'unknown'
    if (verdict === 'late') {
      this.#lateResponses += 1
    } else if (verdict === 'unknown') this.#report({ kind: 'unknown_response', detail: preview(message) })
  }

  #guard(what: string, run: () => void): boolean {
    try {
      run()
      return true
    } catch (cause) {
      this.#report({ kind: 'handler_failed', detail: what, cause })
      return false
    }
  }

  #report(error: ProtocolError): void {
    this.#protocolErrors += 1
    try {
      this.#options.onProtocolError?.(error)
    } catch {
      // A failing error handler cannot be reported anywhere.
    }
  }
}

const readAnswer = (message: Record<string, unknown>): RpcAnswer | undefined => {
  const { error } = message
  if (error === undefined || error === null) return 'result' in message ? { result: message['result'] } : undefined
  const { code, message: text, data } = error as Record<string, unknown>
  return { error: { code: typeof code === 'number' ? code : 0, message: typeof text === 'string' ? text : preview(error), data } }
}

const preview = (value: unknown): string => JSON.stringify(value).slice(0, 200)
