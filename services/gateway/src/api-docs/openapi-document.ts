import { ERRORS, ErrorBody, type ErrorCode } from '@codex-bridge/contracts'
import { BRIDGE_VERSION } from '@codex-bridge/service-kit'
import { errorCodesOf } from '../http/error-codes.ts'
import type { Route } from '../http/route.ts'
import { namedSchemasIn, withReferences } from './json-schema.ts'
import { operationOf } from './operation.ts'
import { type Paths, readRouteComments } from './route-comments.ts'

type Json = Record<string, unknown>
export type OpenApiDocument = {
  openapi: string
  info: Json
  servers: Json[]
  security: Json[]
  tags: Json[]
  paths: Paths
  components: { schemas: Json; examples: Json }
}

const TAGS = {
  health: 'Health of the bridge',
  watch: 'The live event stream, and the watcher of changes made outside the bridge',
  webhooks: 'Webhook subscriptions',
  codex: 'Threads, turns and workflows of Codex',
  lanes: 'Units of work with their sessions, turns and events',
  approvals: 'Requests of Codex that wait for a person',
  debug: 'Manual operations',
  docs: 'Descriptions of the API and the bus',
}

/**
 * Builds the document: summary, description and tag of each operation from the `@openapi` comment beside its route, everything
 * else from the route.
 * @throws Error for a route without a comment
 */
export const buildOpenApiDocument = (routes: readonly Route[]): OpenApiDocument => ({
  openapi: '3.1.0',
  info: {
    title: 'codex-bridge',
    version: BRIDGE_VERSION,
    description:
      'Lanes, sessions, turns and approvals over the Codex app-server, with a durable log of their events.\n\n' +
      'Requests that change something accept an `Idempotency-Key`: repeated with the same key and body, they run once. ' +
      'Every response has an `x-request-id`; the response to a command has an `x-command-id`.',
    contact: { name: 'codex-bridge' },
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [{ url: '/', description: 'This bridge' }],
  // The API requires no token.
  security: [],
  tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
  paths: pathsOf(routes),
  components: { schemas: schemasOf(routes), examples: examplesOf(routes) },
})

const pathsOf = (routes: readonly Route[]): Paths => {
  const comments = readRouteComments()
  const paths: Paths = {}
  for (const route of routes) {
    const comment = comments[route.path]?.[route.method]
    if (!comment) throw new Error(`${route.method} ${route.path} has no @openapi comment`)
    paths[route.path] = { ...paths[route.path], [route.method]: { ...comment, ...operationOf(route) } }
  }
  return paths
}

/** The named schemas that the routes use. */
const schemasOf = (routes: readonly Route[]): Json => {
  const used = routes.map(({ body, query, replies }) => [body, query, replies])
  const named = [...namedSchemasIn(used)].map(([name, schema]) => [name, withReferences(schema, undefined, true)])
  return { ...Object.fromEntries(named), Error: errorSchema() }
}

const errorSchema = (): Json => {
  const { properties, ...schema } = withReferences(ErrorBody, undefined, true) as { properties: Json }
  const codes = Object.entries(ERRORS).map(
    ([code, { status, means, retryable }]) => `- \`${code}\` (${status}${retryable ? ', retryable' : ''}): ${means}.`,
  )
  return { ...schema, properties: { ...properties, error: { type: 'string', enum: Object.keys(ERRORS), description: codes.join('\n') } } }
}

/** One example for each error code that a route may respond with. */
const examplesOf = (routes: readonly Route[]): Json => {
  const codes = [...new Set<ErrorCode>(routes.flatMap(errorCodesOf))].sort()
  const exampleOf = (code: ErrorCode): Json => ({
    summary: ERRORS[code].means,
    value: { error: code, message: ERRORS[code].means, requestId: 'req_2f0c9a4e' },
  })
  return Object.fromEntries(codes.map((code) => [code, exampleOf(code)]))
}
