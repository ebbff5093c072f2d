import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as contracts from '@codex-bridge/contracts'
import { BRIDGE_VERSION } from '@codex-bridge/service-kit'
import swaggerJsdoc from 'swagger-jsdoc'
import { HealthReport } from './health.schema.ts'

type Json = Record<string, unknown>
export type OpenApiDocument = {
  openapi: string
  info: Json
  tags: Json[]
  paths: Record<string, Record<string, Json>>
  components: { schemas: Json; responses: Json; parameters: Json }
}

const METHODS = ['get', 'post', 'patch', 'delete'] as const
const TAGS = {
  health: 'How the bridge is',
  watch: 'The live event stream',
  lanes: 'Units of work, their sessions, turns and events',
  approvals: 'Requests of Codex that wait for a person',
  webhooks: 'Outbound subscriptions',
  codex: 'Threads and workflows of Codex',
  docs: 'This description',
}

/**
 * Builds the document: paths from the `@openapi` comments beside the routes, schemas from contracts.
 * @throws Error when no comment was found, so that an empty document is never served
 */
export const buildOpenApiDocument = (): OpenApiDocument => {
  // The routes lie beside this file, compiled or not; the generator itself would look from the working directory.
  const routes = fileURLToPath(new URL('./routes/', import.meta.url))
  const document = swaggerJsdoc({
    failOnErrors: true,
    apis: [`${routes}*${extname(fileURLToPath(import.meta.url))}`],
    definition: {
      openapi: '3.1.0',
      info: {
        title: 'codex-bridge',
        version: BRIDGE_VERSION,
        description:
          'Lanes, sessions, turns and approvals over codex app-server, and every event of them.\n\n' +
          'Changing requests may carry `Idempotency-Key`: repeated with the same key and body they run once. ' +
          'Answers name their request in `x-request-id`, and changing ones their command in `x-command-id`.',
      },
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      components: { schemas: schemas(), responses: responses(), parameters: parameters() },
    } as never,
  }) as OpenApiDocument
  if (Object.keys(document.paths).length === 0) throw new Error(`no @openapi comment in ${routes}`)
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of METHODS) if (methods[method]) completeOperation(methods[method], method, path)
  }
  return document
}

/** What every operation has in common is not repeated in every comment. */
const completeOperation = (operation: Json, method: string, path: string): void => {
  const words = path.split(/[^A-Za-z]+/).filter(Boolean)
  operation['operationId'] = method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
  operation['responses'] = {
    ...(operation['responses'] as Json),
    403: { $ref: '#/components/responses/Forbidden' },
    500: { $ref: '#/components/responses/Internal' },
  }
}

const ref = (kind: 'schemas' | 'responses', name: string): Json => ({ $ref: `#/components/${kind}/${name}` })
const json = (schema: unknown): Json => ({ 'application/json': { schema } })

type Named = { $id: string }
const isNamed = (value: unknown): value is Named =>
  typeof value === 'object' && value !== null && typeof (value as Partial<Named>).$id === 'string'

/** Every schema of contracts that has a name, with references where one holds another. */
const schemas = (): Json => {
  const named: Json = {}
  for (const schema of [...Object.values(contracts), HealthReport]) {
    if (isNamed(schema)) named[schema.$id] = { ...(withReferences(schema, true) as Json) }
  }
  const list = (plural: string, of: string) => ({
    type: 'object',
    required: [plural, 'nextCursor'],
    properties: { [plural]: { type: 'array', items: ref('schemas', of) }, nextCursor: { anyOf: [{ type: 'string' }, { type: 'null' }] } },
  })
  return {
    ...named,
    Error: { ...(named['Error'] as Json), properties: { ...errorProperties(), ...requestIdProperty } },
    LaneList: list('lanes', 'Lane'),
    SessionList: list('sessions', 'Session'),
    EventList: list('events', 'Event'),
    ApprovalList: list('approvals', 'Approval'),
    WebhookList: list('webhooks', 'Webhook'),
    UnknownOutcome: {
      type: 'object',
      required: ['status', 'commandId'],
      properties: { status: { const: 'unknown' }, commandId: { type: 'string' }, laneId: { type: 'string' } },
    },
  }
}

const requestIdProperty = { requestId: { type: 'string', description: 'Finds the request in the log' } }

const errorProperties = (): Json => ({
  error: {
    type: 'string',
    enum: Object.keys(contracts.ERRORS),
    description: Object.entries(contracts.ERRORS)
      .map(([code, { status, means, retryable }]) => `- \`${code}\` (${status}${retryable ? ', retryable' : ''}): ${means}`)
      .join('\n'),
  },
  message: { type: 'string' },
  details: {},
})

/** A copy fit for the document: no ids, and named schemas inside others as references. */
const withReferences = (value: unknown, top = false): unknown => {
  if (Array.isArray(value)) return value.map((item) => withReferences(item))
  if (value === null || typeof value !== 'object') return value
  if (!top && isNamed(value)) return ref('schemas', value.$id)
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== '$id')
      .map(([key, inner]) => [key, withReferences(inner)]),
  )
}

const RESPONSE_NAMES: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  413: 'TooLarge',
  415: 'MediaType',
  422: 'KeyReused',
  429: 'TooManyStreams',
  500: 'Internal',
  502: 'Codex',
  503: 'Unavailable',
  504: 'Timeout',
}

/** One response per status, naming every code that has it. */
const responses = (): Json => {
  const byStatus = new Map<number, string[]>()
  for (const [code, { status, means }] of Object.entries(contracts.ERRORS)) {
    byStatus.set(status, [...(byStatus.get(status) ?? []), `\`${code}\`: ${means}`])
  }
  const errors = [...byStatus].map(([status, codes]) => {
    const name = RESPONSE_NAMES[status]
    if (!name) throw new Error(`status ${status} of the error registry has no response name`)
    return [name, { description: codes.join('\n\n'), content: json(ref('schemas', 'Error')) }]
  })
  return {
    ...Object.fromEntries(errors),
    Unknown: {
      description: 'The owner did not answer in time. The command may have run: repeat it with the same key, or watch the events',
      content: json(ref('schemas', 'UnknownOutcome')),
    },
    Turn: {
      description: 'Accepted, or the outcome is unknown as yet',
      content: json({ oneOf: [ref('schemas', 'TurnReceipt'), ref('schemas', 'UnknownOutcome')] }),
    },
  }
}

const parameters = (): Json => ({
  LaneId: { name: 'laneId', in: 'path', required: true, schema: contracts.LaneId },
  ApprovalId: { name: 'approvalId', in: 'path', required: true, schema: contracts.ApprovalId },
  SubscriptionId: { name: 'id', in: 'path', required: true, schema: contracts.SubscriptionId },
  MinSeq: {
    name: 'minSeq',
    in: 'query',
    description: 'Answer with a state that includes the event of this seq',
    schema: { type: 'integer', minimum: 0 },
  },
  Types: {
    name: 'types',
    in: 'query',
    description: 'Event types: exact, `lane.*` for everything below, `*`. Repeatable or comma-separated',
    schema: { type: 'array', items: contracts.EventPattern },
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description: 'Names the command: repeating it with the same body never runs it twice',
    schema: contracts.CommandId,
  },
})
