import { readFileSync } from 'node:fs'
import { Compile } from 'typebox/compile'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGateway, startBroker, startGateway } from './gateway-fixture.ts'
import { type Schema, sampleOf } from './schema-sample.ts'
import { type StubServices, startStubServices } from './stub-services.ts'

type Parameter = { $ref?: string; name: string; in: 'path' | 'query' | 'header'; schema: Schema; required?: boolean }
type Operation = {
  tags: string[]
  operationId: string
  parameters?: Parameter[]
  requestBody?: { required?: boolean; content: { 'application/json': { schema: Schema; example?: unknown } } }
  responses: Record<string, unknown>
}
type Document = {
  tags: { name: string }[]
  paths: Record<string, Record<string, Operation> & { parameters?: Parameter[] }>
  components: Record<string, Record<string, never>>
}
type ErrorResponse = { error: string; details?: { path: string; message: string }[] }
type Route = { method: string; path: string; operation: Operation; parameters: Parameter[]; body: Schema | undefined }

const IDS: Record<string, string> = { laneId: 'a', approvalId: 'apr_1', id: 'wh_1', threadId: 't1', name: 'swagger-ui-bundle.js' }

let broker: Awaited<ReturnType<typeof startBroker>>
let gateway: RunningGateway
let document: Document
let routes: Route[]
let services: StubServices

const resolved = <T extends { $ref?: string }>(value: T): T => {
  const [, kind, name] = /^#\/components\/(\w+)\/(.+)$/.exec(value.$ref ?? '') ?? []
  return kind && name ? (document.components[kind]?.[name] as unknown as T) : value
}

/** Resolves the references in a schema. */
const whole = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(whole)
  if (value === null || typeof value !== 'object') return value
  const target = resolved(value as { $ref?: string })
  return Object.fromEntries(Object.entries(target).map(([key, inner]) => [key, whole(inner)]))
}

beforeAll(async () => {
  broker = await startBroker()
  services = await startStubServices(broker.bus)
  gateway = await startGateway(broker.nats.url)
  document = (await gateway.http.get<Document>('/openapi/json')).body
  routes = Object.entries(document.paths).flatMap(([path, { parameters: shared = [], ...methods }]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
      parameters: [...shared, ...(operation.parameters ?? [])].map((parameter) => resolved(parameter)),
      body: operation.requestBody && (whole(operation.requestBody.content['application/json'].schema) as Schema),
    })),
  )
}, 30_000)
afterAll(async () => {
  await gateway?.stop()
  await services?.stop()
  await broker?.stop()
})

const fits = (schema: Schema, value: unknown): boolean => Compile(whole(schema) as Schema).Check(value)

const WRONG = [{ wrong: [] }, 1.5, '', ' \n', 'ö'.repeat(5000), null, true]

const urlOf = (path: string, query: Record<string, string> = {}): string => {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => IDS[name] ?? 'x')
  const text = new URLSearchParams(query).toString()
  return text ? `${filled}?${text}` : filled
}

const send = ({ method, path }: Route, body?: unknown, query?: Record<string, string>) => {
  // An event stream would stay open; HEAD runs the same checks.
  const verb = path === '/events/stream' ? 'HEAD' : method
  return gateway.http.raw<ErrorResponse>(verb, urlOf(path, query), {
    ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
}

const validBody = (route: Route): Record<string, unknown> | undefined => {
  if (!route.body) return
  const body = sampleOf(route.body) as Record<string, unknown>
  const [first] = Object.entries(route.body.properties ?? {})
  // An empty change is rejected.
  return 'minProperties' in route.body && first ? { [first[0]]: sampleOf(first[1]) } : body
}

const reject = async (route: Route, body: unknown, field: string) => {
  const { status, body: answer } = await send(route, body)
  const where = `${route.method} ${route.path} ${JSON.stringify(body).slice(0, 200)}`
  expect([where, status, answer?.error]).toEqual([where, 400, 'validation_error'])
  expect([where, JSON.stringify(answer.details)]).toEqual([where, expect.stringContaining(field)])
}

const accept = async (route: Route, body: unknown, query?: Record<string, string>) => {
  const { status, text } = await send(route, body, query)
  const where = `${route.method} ${urlOf(route.path, query)} ${JSON.stringify(body)}`
  expect([where, status < 400 ? 'ok' : text]).toEqual([where, 'ok'])
}

describe('routes and document', () => {
  it('are the same', () => {
    const mounted = gateway.router.stack.flatMap((layer) =>
      layer.methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${String(layer.path).replaceAll(/:(\w+)/g, '{$1}')}`),
    )
    expect(routes.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(mounted.sort())
    expect(mounted.length).toBeGreaterThan(50)
  })

  it('have one line each in docs/contract.md', () => {
    const table = readFileSync(new URL('../../../docs/contract.md', import.meta.url), 'utf8')
    const lines = [...table.matchAll(/^\| `([A-Z]+ \/[^`]*)` \|/gm)].map(([, route]) => route)
    expect(lines.sort()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).sort())
  })

  it('use the tags of the contract', () => {
    const tags = ['health', 'watch', 'webhooks', 'codex', 'lanes', 'approvals', 'debug', 'docs']
    expect(document.tags.map(({ name }) => name)).toEqual(tags)
    const used = new Set(routes.flatMap(({ operation }) => operation.tags))
    expect([...used].sort()).toEqual([...tags].sort())
  })

  it('contain nothing that is not OpenAPI', () => {
    expect(JSON.stringify(document)).not.toMatch(/"\$id"|"x-[a-z]+"/)
  })

  it('name the command in the response if the request has a key', async () => {
    for (const route of routes) {
      const { headers } = await send(route, validBody(route))
      const documented = route.parameters.some(({ name }) => name === 'Idempotency-Key')
      expect([route.path, route.method, headers['x-command-id'] !== undefined]).toEqual([route.path, route.method, documented])
    }
  })

  it('agree on the statuses of successful requests', async () => {
    for (const route of routes) {
      const { status } = await send(route, validBody(route))
      expect([route.path, Object.keys(route.operation.responses)]).toEqual([route.path, expect.arrayContaining([String(status)])])
    }
  })
})

describe('document and validators', () => {
  const bodied = () => routes.filter((route) => route.body)

  it('accept the examples and bodies with only the required fields', async () => {
    for (const route of bodied()) {
      await accept(route, validBody(route))
      const { example } = route.operation.requestBody?.content['application/json'] ?? {}
      if (example !== undefined) await accept(route, example)
    }
  })

  it('accept every documented field as documented and reject it otherwise', async () => {
    for (const route of bodied()) {
      const body = validBody(route)
      for (const [name, schema] of Object.entries(route.body?.properties ?? {})) {
        await accept(route, { ...body, [name]: sampleOf(schema) })
        const wrong = WRONG.find((value) => !fits(schema, value))
        if (wrong !== undefined) await reject(route, { ...body, [name]: wrong }, name)
      }
      for (const name of route.body?.required ?? []) {
        const { [name]: _, ...without } = body ?? {}
        await reject(route, without, name)
      }
    }
  })

  it('reject undocumented fields, or pass them on where the document says so', async () => {
    const known = new Set(bodied().flatMap(({ body }) => Object.keys(body?.properties ?? {})))
    for (const route of bodied()) {
      const documented = Object.keys(route.body?.properties ?? {})
      const open = route.body?.additionalProperties === true
      const foreign = [...known, 'unknownField'].filter((name) => !documented.includes(name))
      const extra = Object.fromEntries(foreign.map((name) => [name, { wrong: [] }]))
      if (open) await accept(route, { ...validBody(route), ...extra })
      else for (const name of foreign) await reject(route, { ...validBody(route), [name]: { wrong: [] } }, name)
    }
  })

  it('reject a body where none is documented', async () => {
    for (const route of routes.filter(({ method, body }) => method === 'POST' && !body)) await reject(route, { x: 1 }, 'x')
  })

  it('accept query parameters as documented, reject them otherwise and ignore others', async () => {
    const queries = routes.map((route) => ({ route, query: route.parameters.filter((parameter) => parameter.in === 'query') }))
    const known = new Map(queries.flatMap(({ query }) => query.map(({ name, schema }) => [name, schema] as const)))
    const textOf = (value: unknown): string => (Array.isArray(value) ? value.map(String).join(',') : String(value))
    for (const { route, query } of queries) {
      const body = validBody(route)
      for (const { name, schema } of query) {
        await accept(route, body, { [name]: textOf(sampleOf(schema)) })
        // A malformed position leads to a reset in the stream, not to an error.
        if (name === 'since' || name === 'lastEventId') continue
        const item = schema.items ?? schema
        const typed = item.type === 'integer' || item.type === 'boolean'
        const wrong = typed ? 'x' : ['a b!', 'x'.repeat(600)].find((text) => !fits(item, text))
        if (wrong === undefined) continue
        const { status, body: answer } = await send(route, body, { [name]: wrong })
        // The response to HEAD has no body.
        expect([route.path, name, status, answer?.error ?? 'validation_error']).toEqual([
          route.path,
          name,
          400,
          expect.stringMatching(/^(validation_error|invalid_cursor)$/),
        ])
      }
      const documented = query.map(({ name }) => name)
      const others = [...known.keys()].filter((name) => !documented.includes(name))
      await accept(route, body, Object.fromEntries(others.map((name) => [name, 'a b!'])))
    }
  })

  it('check the ids in paths', async () => {
    for (const route of routes.filter(({ path }) => path.includes('{'))) {
      const { status } = await gateway.http.raw(route.method, route.path.replaceAll(/\{\w+\}/g, 'a%20b'))
      expect([route.path, status === 400 || status === 404]).toEqual([route.path, true])
    }
  })
})

describe('the AsyncAPI document', () => {
  let document: { asyncapi: string; channels: Record<string, { address: string | null }>; servers: { nats: { security: unknown[] } } }
  let text: string
  beforeAll(async () => {
    const answer = await gateway.http.get<typeof document>('/asyncapi.json')
    expect(answer.status).toBe(200)
    document = answer.body
    text = answer.text
  })

  it('describes the subjects of events, deltas and commands', () => {
    const addresses = Object.values(document.channels).flatMap(({ address }) => address ?? [])
    expect(document.asyncapi).toBe('3.0.0')
    expect(addresses.filter((address) => !address.startsWith('lane.cmd.'))).toEqual(
      ['lane', 'session', 'approval']
        .flatMap((aggregate) => [`lane.evt.{laneId}.${aggregate}`, `lane.live.{laneId}.${aggregate}`])
        .concat('lane.delta.{laneId}'),
    )
    expect(addresses).toContain('lane.cmd.registry.get-lane')
    expect(addresses).toContain('lane.cmd.session.{laneId}.prompt')
    expect(new Set(addresses).size).toBe(addresses.length)
  })

  it('resolves every reference, and names the login of every role', () => {
    for (const [, pointer = ''] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const found = pointer.split('/').reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], document)
      expect([pointer, typeof found]).toEqual([pointer, 'object'])
    }
    expect(document.servers.nats.security).toContainEqual({ $ref: '#/components/securitySchemes/observer' })
    expect(text).not.toContain('"$id"')
  })
})
