import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as contracts from '@codex-bridge/contracts'
import { BRIDGE_VERSION } from '@codex-bridge/service-kit'
import swaggerJsdoc from 'swagger-jsdoc'
import { HealthReport } from '../health/health-schema.ts'
import { isNamed, withReferences } from './json-schema.ts'

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
  watch: 'The live event stream, and the watcher of what happens outside the bridge',
  webhooks: 'Outbound subscriptions',
  codex: 'Threads, turns and workflows of Codex',
  lanes: 'Units of work, their sessions, turns and events',
  approvals: 'Requests of Codex that wait for a person',
  debug: 'By hand, for operators',
  docs: 'This description',
}

/**
 * Builds the document: paths from the `@openapi` comments beside the routes, schemas from contracts.
 * @throws Error when no comment was found, so that an empty document is never served
 */
export const buildOpenApiDocument = (): OpenApiDocument => {
  // The routes lie beside this file, compiled or not; the generator itself would look from the working directory.
  const routes = fileURLToPath(new URL('../routes/', import.meta.url))
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
  const { 'x-query': query, 'x-responses': set } = operation
  if (query !== undefined) operation['parameters'] = [...((operation['parameters'] as Json[]) ?? []), ...queryParameters(String(query))]
  if (set !== undefined) operation['responses'] = responseSet(String(set))
  // Not sent: what is undefined has no place in JSON.
  operation['x-query'] = undefined
  operation['x-responses'] = undefined
  operation['responses'] = {
    ...(operation['responses'] as Json),
    403: { $ref: '#/components/responses/Forbidden' },
    500: { $ref: '#/components/responses/Internal' },
  }
}

/** The parameters of a query, from the schema that checks it. */
const queryParameters = (name: string): Json[] => {
  const schema = Object.values(contracts).find((candidate) => isNamed(candidate) && candidate.$id === name)
  if (!schema) throw new Error(`contracts have no query ${name}`)
  const { properties } = schema as unknown as { properties: Record<string, Json> }
  return Object.entries(properties).map(([parameter, { description, ...type }]) => ({
    name: parameter,
    in: 'query',
    ...(description !== undefined && { description }),
    schema: withReferences(type),
  }))
}

/** Answers that many routes share, so that one place says them. */
const responseSet = (name: string): Json => {
  const done: Record<string, Json> = {
    CodexAction: {
      200: { description: "Codex's result", content: json(ref('schemas', 'CodexResult')) },
      202: ref('responses', 'Unknown'),
    },
    ThreadTurn: { 202: ref('responses', 'ThreadTurn') },
  }
  const answers = done[name]
  if (!answers) throw new Error(`no set of responses ${name}`)
  const refused = ['BadRequest', 'NotFound', 'Conflict', 'TooLarge', 'MediaType', 'KeyReused', 'Codex', 'Unavailable', 'Timeout']
  const statusOf = (response: string) => Object.entries(RESPONSE_NAMES).find(([, known]) => known === response)?.[0] ?? ''
  return { ...answers, ...Object.fromEntries(refused.map((response) => [statusOf(response), ref('responses', response)])) }
}

const ref = (kind: 'schemas' | 'responses', name: string): Json => ({ $ref: `#/components/${kind}/${name}` })
const json = (schema: unknown): Json => ({ 'application/json': { schema } })

/** Every schema of contracts that has a name, with references where one holds another. */
const schemas = (): Json => {
  const named: Json = {}
  for (const schema of [...Object.values(contracts), HealthReport]) {
    if (isNamed(schema) && !schema.$id.endsWith('Query')) named[schema.$id] = { ...(withReferences(schema, undefined, true) as Json) }
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
    ThreadList: list('threads', 'Thread'),
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
    ThreadTurn: {
      description: 'Accepted, or the outcome is unknown as yet',
      content: json({ oneOf: [ref('schemas', 'ThreadTurn'), ref('schemas', 'UnknownOutcome')] }),
    },
    Turn: {
      description: 'Accepted, or the outcome is unknown as yet',
      content: json({ oneOf: [ref('schemas', 'TurnReceipt'), ref('schemas', 'UnknownOutcome')] }),
    },
  }
}

const parameters = (): Json => ({
  LaneId: { name: 'laneId', in: 'path', required: true, schema: contracts.LaneId },
  ThreadId: { name: 'threadId', in: 'path', required: true, schema: contracts.ThreadId },
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
