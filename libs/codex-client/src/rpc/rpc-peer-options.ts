import type { Readable, Writable } from 'node:stream'

/** Id of a server request. A number and a string are different ids. Ids of our own requests are independent of them. */
export type ServerRequestId = number | string

export type ServerRequestMessage = {
  id: ServerRequestId
  method: string
  params: unknown
}

export type NotificationHandler = (method: string, params: unknown, emittedAtMs: number | undefined) => void
export type ServerRequestHandler = (request: ServerRequestMessage) => void

/** A problem on the connection or in a handler that the peer survived. `detail` is short text for a log. */
export type ProtocolError = {
  kind: 'invalid_json' | 'line_too_long' | 'unknown_message' | 'unknown_response' | 'handler_failed' | 'stream_error'
  detail: string
  cause?: unknown
}

export type RpcPeerOptions = {
  readable: Readable
  writable: Writable
  /** Deadline of a request that names none, in milliseconds. */
  defaultTimeoutMs?: number
  maxInFlight?: number
  maxLineBytes?: number
  onNotification?: NotificationHandler
  onRequest?: ServerRequestHandler
  onProtocolError?: (error: ProtocolError) => void
  onClose?: (cause: unknown) => void
  /** Source of retry jitter, in [0, 1). */
  random?: () => number
}

export type RpcPeerStats = {
  inFlight: number
  queued: number
  openServerRequests: number
  /** Answers that came after their deadline. */
  lateResponses: number
  protocolErrors: number
}
