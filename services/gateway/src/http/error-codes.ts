import type { ErrorCode } from '@codex-bridge/contracts'
import { PATH_PARAMETERS, parametersOf } from './path-parameters.ts'
import type { RouteDescription } from './route.ts'

/** Codes of requests that need an app-server. */
export const CODEX_ERRORS = ['codex_error', 'codex_unavailable', 'codex_timeout', 'no_runner'] as const satisfies ErrorCode[]

/** Codes of commands that start a session or need its runner. */
export const SESSION_ERRORS = [...CODEX_ERRORS, 'readiness_blocked', 'fenced', 'conflict'] as const satisfies ErrorCode[]

/** Codes that any route may respond with. A route answers 415 to any request whose body is not JSON, even where it needs none. */
const COMMON = ['host_forbidden', 'origin_forbidden', 'internal_error', 'unsupported_media_type'] as const satisfies ErrorCode[]
const BODY = ['validation_error', 'invalid_json', 'body_too_large'] as const satisfies ErrorCode[]

/** Every code that a route may respond with: those it declares and those that follow from its shape. */
export const errorCodesOf = ({ method, path, query, errors = [] }: RouteDescription): ErrorCode[] => [
  ...new Set<ErrorCode>([
    ...COMMON,
    ...(query ? (['validation_error'] as const) : []),
    ...(method === 'get' ? [] : BODY),
    ...parametersOf(path).flatMap((name) => ['validation_error' as const, PATH_PARAMETERS[name]?.malformed ?? []].flat()),
    ...errors,
  ]),
]
