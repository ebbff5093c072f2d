import { type Static, Type } from 'typebox'

/**
 * The closed registry of error codes, the same over HTTP, on the bus and in logs. `retryable`: the same request may succeed later
 * without any change by the caller.
 */
export const ERRORS = {
  validation_error: {
    status: 400,
    retryable: false,
    means: 'The request does not match its schema; details list each problem with its path',
  },
  invalid_json: { status: 400, retryable: false, means: 'The request body is not valid JSON' },
  invalid_cursor: { status: 400, retryable: false, means: 'The cursor is not one that this API returned' },
  idempotency_key_invalid: {
    status: 400,
    retryable: false,
    means: 'Idempotency-Key must be 1 to 128 printable ASCII characters without spaces',
  },
  unauthorized: { status: 401, retryable: false, means: 'A token is required' },
  forbidden: { status: 403, retryable: false, means: 'The token does not have the required scope' },
  host_forbidden: { status: 403, retryable: false, means: 'The Host header is not one this bridge serves (DNS rebinding guard)' },
  origin_forbidden: { status: 403, retryable: false, means: 'The request was sent by a page of a different origin' },
  rpc_method_forbidden: { status: 403, retryable: false, means: 'The method would leave the sandbox or change the configuration or login' },
  route_not_found: { status: 404, retryable: false, means: 'The route does not exist' },
  lane_not_found: { status: 404, retryable: false, means: 'The lane does not exist' },
  approval_not_found: { status: 404, retryable: false, means: 'The lane has no approval with this id' },
  webhook_not_found: { status: 404, retryable: false, means: 'The webhook subscription does not exist' },
  thread_not_found: { status: 404, retryable: false, means: 'Codex does not know this thread' },
  method_not_allowed: { status: 405, retryable: false, means: 'The route does not support this method' },
  lane_exists: { status: 409, retryable: false, means: 'A lane with this id already exists' },
  lane_attached_elsewhere: { status: 409, retryable: false, means: 'The thread is attached to another lane' },
  session_not_running: { status: 409, retryable: false, means: 'The lane has no running session' },
  turn_active: { status: 409, retryable: false, means: 'A turn is already running. Steer or interrupt it' },
  no_active_turn: { status: 409, retryable: false, means: 'No turn is running' },
  turn_mismatch: { status: 409, retryable: false, means: 'The running turn is not the expected one' },
  readiness_blocked: {
    status: 409,
    retryable: false,
    means: 'The thread cannot be resumed in its current state; details give the reason and the alternatives',
  },
  worktree_blocked: {
    status: 409,
    retryable: false,
    means: 'The worktree cannot be created as requested; details give the reason and the alternatives',
  },
  approval_already_resolved: {
    status: 409,
    retryable: false,
    means: 'The approval was already decided; details hold the winning decision',
  },
  approval_orphaned: { status: 409, retryable: false, means: 'Codex is no longer waiting for this decision' },
  conflict: { status: 409, retryable: true, means: 'Another request changed the resource first. Read it again and retry' },
  body_too_large: { status: 413, retryable: false, means: 'The request body exceeds the size limit' },
  unsupported_media_type: {
    status: 415,
    retryable: false,
    means: 'The request body must be sent as application/json, without a content encoding',
  },
  idempotency_key_reused: { status: 422, retryable: false, means: 'The Idempotency-Key was already used for a different request' },
  too_many_streams: { status: 429, retryable: true, means: 'The maximum number of event streams is open' },
  internal_error: { status: 500, retryable: true, means: 'The bridge failed unexpectedly. Find the cause in the log by request id' },
  codex_error: { status: 502, retryable: false, means: 'Codex rejected the request; details hold its message' },
  codex_unavailable: { status: 503, retryable: true, means: 'The app-server exited or could not be started' },
  no_runner: { status: 503, retryable: true, means: 'No session-runner with free capacity can reach the workspace of this lane' },
  fenced: { status: 503, retryable: true, means: 'The session-runner no longer owns the lane' },
  bus_unavailable: { status: 503, retryable: true, means: 'NATS, or the service behind it, is not responding' },
  store_unavailable: { status: 503, retryable: true, means: 'Redis is not responding' },
  codex_timeout: { status: 504, retryable: true, means: 'Codex did not respond in time' },
  command_timeout: {
    status: 504,
    retryable: true,
    means: 'The service did not respond in time. The command may have run; the event stream shows the outcome',
  },
} as const satisfies Record<string, { status: number; retryable: boolean; means: string }>

export type ErrorCode = keyof typeof ERRORS

export const isErrorCode = (value: unknown): value is ErrorCode => typeof value === 'string' && Object.hasOwn(ERRORS, value)

/** The one error class of the bridge. Its status and retryability come from the registry. */
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

  /** The body as it is sent over the bus. The gateway adds the request id for HTTP. */
  toBody(): ErrorBody {
    return { error: this.code, message: this.message, ...(this.details !== undefined && { details: this.details }) }
  }

  /** Converts anything thrown. An unknown error becomes `internal_error`; its text stays in `cause`. */
  static from(error: unknown): BridgeError {
    return error instanceof BridgeError ? error : new BridgeError('internal_error', undefined, { cause: error })
  }
}

export const ErrorBody = Type.Object(
  {
    error: Type.String({ description: 'A code of the registry' }),
    message: Type.String(),
    details: Type.Optional(Type.Unknown()),
    requestId: Type.Optional(Type.String({ description: 'Identifies the request in the log' })),
  },
  { $id: 'Error' },
)
export type ErrorBody = Static<typeof ErrorBody>
