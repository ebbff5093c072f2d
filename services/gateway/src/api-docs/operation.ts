import { ERRORS, type ErrorCode } from '@codex-bridge/contracts'
import type { TObject, TSchema } from 'typebox'
import { errorCodesOf } from '../http/error-codes.ts'
import { PATH_PARAMETERS, parametersOf } from '../http/path-parameters.ts'
import type { Reply, RouteDescription } from '../http/route.ts'
import { withReferences } from './json-schema.ts'

type Json = Record<string, unknown>

/** The part of an OpenAPI operation that follows from the route. */
export const operationOf = (route: RouteDescription): Json => {
  const parameters = parametersIn(route)
  return {
    operationId: operationIdOf(route),
    ...(parameters.length > 0 && { parameters }),
    ...(route.body && { requestBody: requestBodyOf(route.body, route.example) }),
    responses: responsesOf(route),
  }
}

/** `GET /lanes/{laneId}` is `getLanesLaneId`. */
const operationIdOf = ({ method, path }: RouteDescription): string => {
  const words = path.split(/[^A-Za-z]+/).filter(Boolean)
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
}

const parametersIn = ({ path, query, headers }: RouteDescription): Json[] => [
  ...parametersOf(path).map((name) => parameter('path', name, { ...PATH_PARAMETERS[name]?.schema }, true)),
  ...fieldsOf('query', query),
  ...fieldsOf('header', headers),
]

const fieldsOf = (place: 'query' | 'header', schema: TObject | undefined): Json[] => {
  const { properties = {}, required = [] } = (schema ?? {}) as { properties?: Record<string, Json>; required?: string[] }
  return Object.entries(properties).map(([name, field]) => parameter(place, name, field, required.includes(name) && !('default' in field)))
}

const parameter = (place: 'path' | 'query' | 'header', name: string, { description, ...schema }: Json, required: boolean): Json => ({
  name,
  in: place,
  ...(required && { required }),
  ...(description !== undefined && { description }),
  schema: withReferences(schema),
})

/** A body is required if an empty one would be rejected. */
const requestBodyOf = (schema: TSchema & { required?: string[]; minProperties?: number }, example: unknown): Json => ({
  required: (schema.required ?? []).length > 0 || (schema.minProperties ?? 0) > 0,
  content: { 'application/json': { schema: withReferences(schema), ...(example !== undefined && { example }) } },
})

const responsesOf = (route: RouteDescription): Json => {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of errorCodesOf(route)) byStatus.set(ERRORS[code].status, [...(byStatus.get(ERRORS[code].status) ?? []), code])
  return {
    ...Object.fromEntries([...byStatus].map(([status, codes]) => [status, errorResponse(codes)])),
    ...Object.fromEntries(Object.entries(route.replies).map(([status, reply]) => [status, response(reply)])),
  }
}

const response = ({ schema, contentType = 'application/json', description }: Reply): Json => ({
  description: description ?? (schema as { description?: string } | undefined)?.description ?? 'The result.',
  ...((schema || contentType !== 'application/json') && { content: { [contentType]: schema ? { schema: withReferences(schema) } : {} } }),
})

/** Lists the codes of a status. The examples, which all operations share, say what each means. */
const errorResponse = (codes: ErrorCode[]): Json => ({
  description: codes.map((code) => `\`${code}\``).join(', '),
  content: {
    'application/json': {
      schema: { $ref: '#/components/schemas/Error' },
      examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
    },
  },
})
