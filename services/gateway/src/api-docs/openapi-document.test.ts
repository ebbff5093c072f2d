import { describe, expect, it } from 'vitest'
import type { HealthProbe } from '../health/health-report.ts'
import { RESERVED_IDS } from '../routes/lanes.ts'
import { apiRoutes } from '../routes/routes.ts'
import type { StreamService } from '../sse/stream-service.ts'
import { buildOpenApiDocument } from './openapi-document.ts'
import { readRouteComments } from './route-comments.ts'

type Operation = {
  operationId: string
  tags: string[]
  summary: string
  description: string
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema: object }[]
  responses: Record<string, { description: string }>
}

// Declaring the routes calls neither.
const routes = apiRoutes(undefined as unknown as HealthProbe, undefined as unknown as StreamService)
const document = buildOpenApiDocument(routes)
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => [`${method} ${path}`, path, operation as Operation] as const),
)

/** The rules of the recommended sets of public linters that the document could break. */
describe('the OpenAPI document', () => {
  it('has exactly one comment per route', () => {
    const commented = Object.entries(readRouteComments()).flatMap(([path, methods]) =>
      Object.keys(methods).map((name) => `${name} ${path}`),
    )
    expect(commented.sort()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).sort())
  })

  it('takes only summary, description and tag from comments', () => {
    const fields = Object.values(readRouteComments()).flatMap((methods) => Object.values(methods).map((comment) => Object.keys(comment)))
    for (const names of fields) expect(names.sort()).toEqual(['description', 'summary', 'tags'])
  })

  it('names its version, license, contact, servers and security', () => {
    expect(document.info).toMatchObject({
      title: expect.stringMatching(/./),
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      description: expect.stringMatching(/./),
      license: { name: 'MIT', identifier: 'MIT' },
      contact: { name: expect.stringMatching(/./) },
    })
    expect(document.servers).toEqual([{ url: '/', description: expect.stringMatching(/./) }])
    expect(document.security).toEqual([])
    for (const tag of document.tags) expect(tag).toEqual({ name: expect.stringMatching(/./), description: expect.stringMatching(/./) })
  })

  it.each(operations)('%s has an id, one known tag, a summary and a description', (_name, _path, operation) => {
    const tags = document.tags.map(({ name }) => name)
    expect(operation.operationId).toMatch(/^(get|post|patch|delete)[A-Za-z]+$/)
    expect(operation.tags).toHaveLength(1)
    expect(tags).toContain(operation.tags[0])
    expect(operation.summary).toMatch(/^[A-Z].*[^.]$/)
    expect(operation.description.trim()).toMatch(/^[A-Z][\s\S]*\.$/)
  })

  it.each(operations)('%s has a success and a client error, each described', (_name, _path, { responses }) => {
    const statuses = Object.keys(responses)
    expect(statuses.some((status) => status.startsWith('2'))).toBe(true)
    expect(statuses.some((status) => status.startsWith('4'))).toBe(true)
    for (const { description } of Object.values(responses)) expect(description).toMatch(/./)
  })

  it.each(operations)('%s declares its parameters once, those of the path as required', (_name, path, { parameters = [] }) => {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    expect(parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)).toEqual(inPath)
    for (const parameter of parameters) if (parameter.in === 'path') expect(parameter.required).toBe(true)
    expect(new Set(parameters.map((parameter) => `${parameter.in} ${parameter.name}`)).size).toBe(parameters.length)
  })

  it('uses every operation id once', () => {
    const ids = operations.map(([, , { operationId }]) => operationId)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('resolves every reference and uses every component', () => {
    const references = [...JSON.stringify(document).matchAll(/"#\/components\/(\w+)\/([\w.]+)"/g)].map(
      ([, kind, name]) => `${kind}/${name}`,
    )
    const components = Object.entries(document.components).flatMap(([kind, named]) => Object.keys(named).map((name) => `${kind}/${name}`))
    expect([...new Set(references)].sort()).toEqual(components.sort())
  })

  it('has no trailing slash or query in a path', () => {
    for (const path of Object.keys(document.paths)) expect(path).toMatch(/^(\/[\w{}.-]+)+$/)
  })

  it('reserves every lane id that a literal path would hide', () => {
    const literals = Object.keys(document.paths).flatMap((path) => /^\/lanes\/([a-z-]+)/.exec(path)?.[1] ?? [])
    expect([...RESERVED_IDS].sort()).toEqual([...new Set(literals)].sort())
  })
})
