import { NatsError } from 'nats'

/** JetStream API error numbers that mean "somebody else wrote first": plain, and the form newer replicated servers use. */
const CONFLICT_CODES = new Set([10_071, 10_164])
const NO_MESSAGE_FOUND = 10_037

const apiCode = (error: unknown): number | undefined => (error instanceof NatsError ? error.api_error?.err_code : undefined)

export const isConflict = (error: unknown): boolean => {
  const code = apiCode(error)
  return code !== undefined && CONFLICT_CODES.has(code)
}

export const isNotFound = (error: unknown): boolean =>
  apiCode(error) === NO_MESSAGE_FOUND || (error instanceof NatsError && error.code === '404')

/** JetStream API numbers for "no leader", "no quorum" and the like: nobody knows whether the call was carried out. */
const TRANSIENT_API_CODES = new Set([10_008, 10_009, 10_039, 10_074, 10_118])

/** The server answered and said no: repeating the same call cannot help. */
export const isRefusal = (error: unknown): boolean =>
  (apiCode(error) !== undefined && !isTransient(error)) || (error instanceof NatsError && error.code === 'PERMISSIONS_VIOLATION')

const isTransient = (error: unknown): boolean => {
  const code = apiCode(error)
  return code === undefined || TRANSIENT_API_CODES.has(code)
}

export const isNoResponders = (error: unknown): boolean => error instanceof NatsError && error.code === '503' && !error.api_error
export const isTimeout = (error: unknown): boolean => error instanceof NatsError && error.code === 'TIMEOUT'
