/** Answered by codex when too many requests are queued in it. The request was not run. */
export const RPC_OVERLOADED = -32001
/** JSON-RPC "method not found". */
export const RPC_METHOD_NOT_FOUND = -32601
/** JSON-RPC "internal error". */
export const RPC_INTERNAL_ERROR = -32603

/** The server answered with an error. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: number
  readonly data: unknown
  /** The method that was called. */
  readonly method: string

  constructor(method: string, answer: { code: number; message: string; data?: unknown }) {
    super(answer.message)
    this.method = method
    this.code = answer.code
    this.data = answer.data
  }
}

/** There was no answer before the deadline. */
export class RpcTimeoutError extends Error {
  override readonly name = 'RpcTimeoutError'
  readonly method: string
  readonly timeoutMs: number
  /** True when the request had been written: the outcome is unknown. False: it was never run. */
  readonly sent: boolean

  constructor(method: string, timeoutMs: number, sent: boolean) {
    super(`${method} got no answer within ${timeoutMs} ms${sent ? '' : ' (never sent)'}`)
    this.method = method
    this.timeoutMs = timeoutMs
    this.sent = sent
  }
}

/** The connection is closed. */
export class RpcClosedError extends Error {
  override readonly name = 'RpcClosedError'
  readonly method: string
  /** True when the request had been written: the outcome is unknown. False: it was never run. */
  readonly sent: boolean

  constructor(method: string, sent: boolean, cause?: unknown) {
    super(`connection closed before ${method} was answered`, cause === undefined ? undefined : { cause })
    this.method = method
    this.sent = sent
  }
}

/** The answer lacks a field that the bridge reads. What the request asked for was done. */
export class RpcResultError extends Error {
  override readonly name = 'RpcResultError'
  readonly method: string

  constructor(method: string) {
    super(`codex answered ${method} in an unknown form`)
    this.method = method
  }
}
