import { readFileSync } from 'node:fs'
import type { Bus, Endpoints } from '@codex-bridge/bus'
import { Approvals, Registry, Sessions, Webhooks } from '@codex-bridge/contracts'
import { Compile } from 'typebox/compile'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningGateway,
  serveApprovals,
  serveRegistry,
  serveSession,
  serveWebhooks,
  startBroker,
  startGateway,
} from './gateway-fixture.ts'
import { type Schema, sampleOf } from './schema-sample.ts'

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
type Refusal = { error: string; details?: { path: string; message: string }[] }
type Route = { method: string; path: string; operation: Operation; parameters: Parameter[]; body: Schema | undefined }

const LANE = 'a'
const IDS: Record<string, string> = { laneId: LANE, approvalId: 'apr_1', id: 'wh_1', threadId: 't1', name: 'swagger-ui-bundle.js' }

let broker: Awaited<ReturnType<typeof startBroker>>
let gateway: RunningGateway
let document: Document
let routes: Route[]
const endpoints: Endpoints[] = []

/** Answers every verb there is: what is tested is what gets that far. */
const agree = (verbs: object) => Object.fromEntries(Object.keys(verbs).map((verb) => [verb, () => ({})]))

const serveAll = async (bus: Bus): Promise<Endpoints[]> => [
  await serveRegistry(bus, agree(Registry)),
  await serveApprovals(bus, agree(Approvals)),
  await serveWebhooks(bus, agree(Webhooks)),
  serveSession(bus, LANE, agree(Sessions)),
]

const resolved = <T extends { $ref?: string }>(value: T): T => {
  const [, kind, name] = /^#\/components\/(\w+)\/(.+)$/.exec(value.$ref ?? '') ?? []
  return kind && name ? (document.components[kind]?.[name] as unknown as T) : value
}

/** A schema without references, as the validators have it. */
const whole = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(whole)
  if (value === null || typeof value !== 'object') return value
  const target = resolved(value as { $ref?: string })
  return Object.fromEntries(Object.entries(target).map(([key, inner]) => [key, whole(inner)]))
}

beforeAll(async () => {
  broker = await startBroker()
  endpoints.push(...(await serveAll(broker.bus)))
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
  await Promise.all(endpoints.map((endpoint) => endpoint.stop(100)))
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
  return gateway.http.raw<Refusal>(verb, urlOf(path, query), {
    ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
}

const validBody = (route: Route): Record<string, unknown> | undefined => {
  if (!route.body) return
  const body = sampleOf(route.body) as Record<string, unknown>
  const [first] = Object.entries(route.body.properties ?? {})
  // A change of nothing is none.
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
  it('name the same', () => {
    const mounted = gateway.router.stack.flatMap((layer) =>
      layer.methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${String(layer.path).replaceAll(/:(\w+)/g, '{$1}')}`),
    )
    expect(routes.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(mounted.sort())
    expect(mounted.length).toBeGreaterThan(50)
  })

  it('have a line each in docs/contract.md', () => {
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

  it('resolve every reference, use every name once, and declare exactly the parameters of the path', () => {
    const text = JSON.stringify(document)
    for (const [, kind, name] of text.matchAll(/"#\/components\/(\w+)\/([\w.]+)"/g)) {
      expect(document.components[kind ?? '']).toHaveProperty([name ?? ''])
    }
    const ids = routes.map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { path, parameters } of routes) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      expect([path, parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)]).toEqual([path, inPath])
    }
    expect(text).not.toMatch(/"\$id"|"x-(query|responses)"/)
  })

  it('name the command in the answer where a key names the request', async () => {
    for (const route of routes) {
      const { headers } = await send(route, validBody(route))
      const documented = route.parameters.some(({ name }) => name === 'Idempotency-Key')
      expect([route.path, route.method, headers['x-command-id'] !== undefined]).toEqual([route.path, route.method, documented])
    }
  })

  it('answer only with statuses that are documented', async () => {
    for (const route of routes) {
      const { status } = await send(route, validBody(route))
      expect([route.path, Object.keys(route.operation.responses)]).toEqual([route.path, expect.arrayContaining([String(status)])])
    }
  })
})

describe('document and validators', () => {
  const bodied = () => routes.filter((route) => route.body)

  it('the examples and what is required alone are taken', async () => {
    for (const route of bodied()) {
      await accept(route, validBody(route))
      const { example } = route.operation.requestBody?.content['application/json'] ?? {}
      if (example !== undefined) await accept(route, example)
    }
  })

  it('every documented field is taken as documented and refused otherwise', async () => {
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

  it('fields that are not documented are refused, or handed on where the document says so', async () => {
    const known = new Set(bodied().flatMap(({ body }) => Object.keys(body?.properties ?? {})))
    for (const route of bodied()) {
      const documented = Object.keys(route.body?.properties ?? {})
      const open = route.body?.additionalProperties === true
      const foreign = [...known, 'nobodyKnowsThis'].filter((name) => !documented.includes(name))
      const extra = Object.fromEntries(foreign.map((name) => [name, { wrong: [] }]))
      if (open) await accept(route, { ...validBody(route), ...extra })
      else for (const name of foreign) await reject(route, { ...validBody(route), [name]: { wrong: [] } }, name)
    }
  })

  it('routes without a documented body refuse one', async () => {
    for (const route of routes.filter(({ method, body }) => method === 'POST' && !body)) await reject(route, { x: 1 }, 'x')
  })

  it('query parameters are taken as documented and refused otherwise; others are ignored', async () => {
    const queries = routes.map((route) => ({ route, query: route.parameters.filter((parameter) => parameter.in === 'query') }))
    const known = new Map(queries.flatMap(({ query }) => query.map(({ name, schema }) => [name, schema] as const)))
    const textOf = (value: unknown): string => (Array.isArray(value) ? value.map(String).join(',') : String(value))
    for (const { route, query } of queries) {
      const body = validBody(route)
      for (const { name, schema } of query) {
        await accept(route, body, { [name]: textOf(sampleOf(schema)) })
        // A bad position to resume from is answered by a reset in the stream, not refused.
        if (name === 'since') continue
        const item = schema.items ?? schema
        const typed = item.type === 'integer' || item.type === 'boolean'
        const wrong = typed ? 'x' : ['a b!', 'x'.repeat(600)].find((text) => !fits(item, text))
        if (wrong === undefined) continue
        const { status, body: answer } = await send(route, body, { [name]: wrong })
        // A HEAD has no body to say why.
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

  it('ids in paths are checked', async () => {
    for (const route of routes.filter(({ path }) => path.includes('{'))) {
      const { status } = await gateway.http.raw(route.method, route.path.replaceAll(/\{\w+\}/g, 'a%20b'))
      expect([route.path, status === 400 || status === 404]).toEqual([route.path, true])
    }
  })
})

describe('the AsyncAPI document', () => {
  it('describes the subjects of events and deltas, and resolves every reference', async () => {
    const { status, text, body } = await gateway.http.get<Record<string, Record<string, { address?: string }>>>('/asyncapi.json')
    expect([status, body['asyncapi']]).toEqual([200, '3.0.0'])
    expect(Object.values(body['channels'] ?? {}).map(({ address }) => address)).toEqual(
      ['lane', 'session', 'approval']
        .flatMap((aggregate) => [`lane.evt.{laneId}.${aggregate}`, `lane.live.{laneId}.${aggregate}`])
        .concat('lane.delta.{laneId}'),
    )
    for (const [, pointer = ''] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const found = pointer.split('/').reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], body)
      expect([pointer, typeof found]).toEqual([pointer, 'object'])
    }
    expect(text).toContain('"lane.turn.completed"')
    expect(text).not.toContain('"$id"')
  })
})
