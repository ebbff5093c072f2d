import { type Static, Type } from 'typebox'

/**
 * The closed list of error codes: the same code over HTTP, on the bus and in logs. `retryable` means the same request may
 * succeed later without a change by the caller.
 */
export const ERRORS = {
  validation_error: {
    status: 400,
    retryable: false,
    means: 'The request does not fit its schema; details list every problem with its path',
  },
  invalid_json: { status: 400, retryable: false, means: 'The body is not JSON' },
  invalid_cursor: { status: 400, retryable: false, means: 'The cursor was not made by this API' },
  idempotency_key_invalid: { status: 400, retryable: false, means: 'Idempotency-Key is not 1 to 128 printable characters' },
  unauthorized: { status: 401, retryable: false, means: 'A token is required' },
  forbidden: { status: 403, retryable: false, means: 'The token lacks the scope' },
  host_forbidden: { status: 403, retryable: false, means: 'The Host header names a host this bridge does not serve (DNS rebinding guard)' },
  origin_forbidden: { status: 403, retryable: false, means: 'A page of another origin sent this request' },
  rpc_method_forbidden: { status: 403, retryable: false, means: 'The method leaves the sandbox or changes configuration' },
  route_not_found: { status: 404, retryable: false, means: 'No such route' },
  lane_not_found: { status: 404, retryable: false, means: 'No lane of this id' },
  approval_not_found: { status: 404, retryable: false, means: 'No approval of this id on this lane' },
  webhook_not_found: { status: 404, retryable: false, means: 'No subscription of this id' },
  thread_not_found: { status: 404, retryable: false, means: 'Codex knows no thread of this id' },
  method_not_allowed: { status: 405, retryable: false, means: 'The route exists, not with this method' },
  lane_exists: { status: 409, retryable: false, means: 'A lane of this id exists' },
  lane_attached_elsewhere: { status: 409, retryable: false, means: 'Another lane holds this thread' },
  session_not_running: { status: 409, retryable: false, means: 'The lane has no live session' },
  turn_active: { status: 409, retryable: false, means: 'A turn is running; steer or interrupt it' },
  no_active_turn: { status: 409, retryable: false, means: 'No turn is running' },
  turn_mismatch: { status: 409, retryable: false, means: 'Another turn than the expected one is running' },
  readiness_blocked: { status: 409, retryable: false, means: 'The thread cannot be resumed as it is; details say why and what is offered' },
  worktree_blocked: { status: 409, retryable: false, means: 'The worktree cannot be made as asked; details say why and what is offered' },
  approval_already_resolved: { status: 409, retryable: false, means: 'Somebody decided first; details name the winner' },
  approval_orphaned: { status: 409, retryable: false, means: 'Codex no longer waits for this answer' },
  conflict: { status: 409, retryable: true, means: 'Another writer was faster; read again' },
  body_too_large: { status: 413, retryable: false, means: 'The body is over the limit' },
  unsupported_media_type: { status: 415, retryable: false, means: 'Bodies are application/json' },
  idempotency_key_reused: { status: 422, retryable: false, means: 'This Idempotency-Key was used with another request' },
  too_many_streams: { status: 429, retryable: true, means: 'The limit of open event streams is reached' },
  internal_error: { status: 500, retryable: true, means: 'A fault of the bridge; the request id finds it in the log' },
  codex_error: { status: 502, retryable: false, means: 'Codex refused; details carry its message' },
  codex_unavailable: { status: 503, retryable: true, means: 'The app-server could not be started or died' },
  no_runner: { status: 503, retryable: true, means: 'No session-runner with free capacity can see this lane' },
  fenced: { status: 503, retryable: true, means: 'This runner no longer owns the lane' },
  bus_unavailable: { status: 503, retryable: true, means: 'NATS or the service behind it does not answer' },
  store_unavailable: { status: 503, retryable: true, means: 'Redis does not answer' },
  codex_timeout: { status: 504, retryable: true, means: 'Codex did not answer in time' },
  command_timeout: { status: 504, retryable: true, means: 'The owner did not answer in time; the event stream tells whether it ran' },
} as const satisfies Record<string, { status: number; retryable: boolean; means: string }>

export type ErrorCode = keyof typeof ERRORS

export const isErrorCode = (value: unknown): value is ErrorCode => typeof value === 'string' && Object.hasOwn(ERRORS, value)

/** The one error class of the bridge. Status and retryability come from the registry, never from the thrower. */
export class BridgeError extends Error {
  readonly code: ErrorCode
  readonly details: unknown

  constructor(code: ErrorCode, message?: string, options: { details?: unknown; cause?: unknown } = {}) {
    super(message ?? ERRORS[code].means, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'BridgeError'
    this.code = code
    this.details = options.details
  }

  get status(): number {
    return ERRORS[this.code].status
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable
  }

  /** The body sent over the bus; the gateway adds the request id for HTTP. */
  toBody(): ErrorBody {
    return { error: this.code, message: this.message, ...(this.details !== undefined && { details: this.details }) }
  }

  /** Anything thrown, as a BridgeError; what is unknown becomes `internal_error` without its text. */
  static from(error: unknown): BridgeError {
    return error instanceof BridgeError ? error : new BridgeError('internal_error', undefined, { cause: error })
  }
}

export const ErrorBody = Type.Object(
  {
    error: Type.String({ description: 'A code of the registry' }),
    message: Type.String(),
    details: Type.Optional(Type.Unknown()),
    requestId: Type.Optional(Type.String()),
  },
  { $id: 'Error' },
)
export type ErrorBody = Static<typeof ErrorBody>
