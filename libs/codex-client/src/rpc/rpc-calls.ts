import { RPC_OVERLOADED, RpcClosedError, RpcError, RpcTimeoutError } from './rpc-errors.ts'

const BACKOFF_BASE_MS = 50
const BACKOFF_MAX_MS = 2000

export type RequestOptions = {
  /** Deadline in milliseconds from the call, queue time and retries included. Default 30 000 (see `RpcPeerOptions`). */
  timeoutMs?: number
  /** Ends the wait; the promise rejects with the signal's reason. A request that was written is not recalled. */
  signal?: AbortSignal
  /**
   * Called synchronously with the result when its line is read, before any later line is handled. For a notification that follows the
   * response at once and must find its effect: code that awaits the promise continues only in a microtask.
   */
  onResult?: (result: unknown) => void
}

/** An answer to one of our requests, as read from the wire. */
export type RpcAnswer = { result: unknown } | { error: { code: number; message: string; data?: unknown } }

type Call = {
  readonly method: string
  readonly params: unknown
  readonly timeoutMs: number
  readonly deadlineAt: number
  readonly onResult: ((result: unknown) => void) | undefined
  readonly settle: (outcome: { value: unknown } | { error: unknown }) => void
  wireId: number | undefined
  sent: boolean
  retries: number
  retryTimer: NodeJS.Timeout | undefined
}

/** Writes one request. False when the connection takes no more; throws when the request has no JSON form. */
export type WriteRequest = (message: { id: number; method: string; params: unknown }) => boolean

export type RpcCallsLimits = {
  maxInFlight: number
  /** Source of retry jitter, in [0, 1). */
  random: () => number
}

/**
 * Our requests to the server: ids, deadlines, the cap on requests in flight with a FIFO queue behind it, retries of -32001.
 *
 * A call is in exactly one place: queued, in flight, or waiting for its retry. However it ends, its slot is free again, so a server
 * that never answers cannot hold the queue up for longer than the deadlines.
 */
export class RpcCalls {
  readonly #write: WriteRequest
  readonly #limits: RpcCallsLimits
  readonly #queue = new Set<Call>()
  readonly #inFlight = new Map<number, Call>()
  readonly #all = new Set<Call>()
  #nextId = 1

  constructor(write: WriteRequest, limits: RpcCallsLimits) {
    this.#write = write
    this.#limits = limits
  }

  get inFlight(): number {
    return this.#inFlight.size
  }

  get queued(): number {
    return this.#queue.size
  }

  /** Starts or queues one call. `options.onResult` must not throw. */
  start(method: string, params: unknown, timeoutMs: number, options: RequestOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { signal } = options
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const onAbort = () => call.settle({ error: signal?.reason })
      const deadline = setTimeout(() => call.settle({ error: new RpcTimeoutError(method, timeoutMs, call.sent) }), timeoutMs)
      const call: Call = {
        method,
        params,
        timeoutMs,
        deadlineAt: performance.now() + timeoutMs,
        onResult: options.onResult,
        wireId: undefined,
        sent: false,
        retries: 0,
        retryTimer: undefined,
        settle: (outcome) => {
          if (!this.#all.delete(call)) return
          clearTimeout(deadline)
          signal?.removeEventListener('abort', onAbort)
          this.#remove(call)
          if ('error' in outcome) {
            reject(outcome.error)
          } else {
            resolve(outcome.value)
          }
          this.#pump()
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#all.add(call)
      this.#queue.add(call)
      this.#pump()
    })
  }

  /**
   * Takes an answer.
   * @returns `late` for an id of ours whose call has ended, `unknown` for an id that was never ours
   */
  answer(id: number, answer: RpcAnswer): 'taken' | 'late' | 'unknown' {
    const call = this.#inFlight.get(id)
    if (!call) return Number.isInteger(id) && id >= 1 && id < this.#nextId ? 'late' : 'unknown'
    if ('error' in answer) {
      if (!(answer.error.code === RPC_OVERLOADED && this.#retry(call))) call.settle({ error: new RpcError(call.method, answer.error) })
      return 'taken'
    }
    call.onResult?.(answer.result)
    call.settle({ value: answer.result })
    return 'taken'
  }

  /** Rejects every call with {@link RpcClosedError}. */
  closeAll(cause: unknown): void {
    this.#queue.clear()
    for (const call of [...this.#all]) {
      call.settle({ error: new RpcClosedError(call.method, call.sent, cause) })
    }
  }

  #pump(): void {
    while (this.#inFlight.size < this.#limits.maxInFlight) {
      const [call] = this.#queue
      if (!call) return
      this.#queue.delete(call)
      const id = this.#nextId
      this.#nextId += 1
      call.wireId = id
      this.#inFlight.set(id, call)
      try {
        call.sent = this.#write({ id, method: call.method, params: call.params })
        if (!call.sent) call.settle({ error: new RpcClosedError(call.method, false) })
      } catch (error) {
        call.settle({ error })
      }
    }
  }

  /** An overloaded server did not run the request, so a retry is safe. False when it would be after the deadline. */
  #retry(call: Call): boolean {
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** call.retries)
    const delay = ceiling * (0.5 + this.#limits.random() / 2)
    if (performance.now() + delay >= call.deadlineAt) return false
    this.#remove(call)
    call.sent = false
    call.retries += 1
    call.retryTimer = setTimeout(() => {
      call.retryTimer = undefined
      this.#queue.add(call)
      this.#pump()
    }, delay)
    this.#pump()
    return true
  }

  #remove(call: Call): void {
    this.#queue.delete(call)
    clearTimeout(call.retryTimer)
    if (call.wireId !== undefined) {
      this.#inFlight.delete(call.wireId)
      call.wireId = undefined
    }
  }
}
