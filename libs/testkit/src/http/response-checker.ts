import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import type { ApiResponse } from './http-client.ts'

type Json = Record<string, unknown>
type Content = Record<string, { schema?: TSchema; examples?: Json }>
type Response = { content?: Content }
export type OpenApiDocument = {
  paths: Record<string, Record<string, { responses: Record<string, Response> }>>
  components: Record<string, Record<string, Json>>
}

/** Statuses for requests that match no route. They have no operation in the document. */
const UNMATCHED_STATUSES = [400, 403, 404, 405, 413, 415]

/** Checks HTTP responses against an OpenAPI 3.1 document. */
export class ResponseChecker {
  readonly #document: OpenApiDocument
  readonly #compiled = new Map<string, ReturnType<typeof Compile>>()

  constructor(document: OpenApiDocument) {
    this.#document = document
  }

  /**
   * Lists where a response differs from the document: an undeclared status, content type or error code, a body that does not match
   * its schema, or a field that the schema does not name.
   * @param path as sent, with or without a query
   */
  problemsOf(method: string, path: string, response: ApiResponse): string[] {
    if (method === 'OPTIONS') return []
    const template = this.#templateOf(path.split('?', 1)[0] ?? '')
    const verb = method === 'HEAD' ? 'get' : method.toLowerCase()
    const operation = this.#document.paths[template ?? '']?.[verb]
    if (!operation) return this.#unmatchedProblems(response)
    const declared = operation.responses[String(response.status)]
    if (!declared) return [`${response.status} is not declared`]
    return method === 'HEAD' ? [] : this.#contentProblems(`${verb} ${template} ${response.status}`, declared.content ?? {}, response)
  }

  /** The path of the document that matches; a literal segment wins over a parameter. */
  #templateOf(path: string): string | undefined {
    const segments = path.split('/')
    const isMatch = (template: string): boolean => {
      const parts = template.split('/')
      return parts.length === segments.length && parts.every((part, index) => part.startsWith('{') || part === segments[index])
    }
    const literals = (template: string): number => template.split('/').filter((part) => !part.startsWith('{')).length
    return Object.keys(this.#document.paths)
      .filter(isMatch)
      .sort((left, right) => literals(right) - literals(left))[0]
  }

  #unmatchedProblems({ status, body }: ApiResponse): string[] {
    if (!UNMATCHED_STATUSES.includes(status)) return [`${status} to a request that matches no route`]
    return this.#bodyProblems('unmatched', { $ref: '#/components/schemas/Error' } as TSchema, body)
  }

  #contentProblems(key: string, content: Content, { headers, body, text }: ApiResponse): string[] {
    if (Object.keys(content).length === 0) return text === '' ? [] : ['a body is not declared']
    const type = headers['content-type']?.split(';', 1)[0] ?? 'none'
    const media = content[type] ?? content['*/*']
    if (!media) return [`content type ${type} is not declared`]
    const { schema, examples } = media
    if (!schema || type !== 'application/json') return []
    const { error } = (body ?? {}) as { error?: string }
    const codes = examples && typeof error === 'string' && !(error in examples) ? [`error code ${error} is not declared`] : []
    return [...codes, ...this.#bodyProblems(key, schema, body)]
  }

  #bodyProblems(key: string, schema: TSchema, body: unknown): string[] {
    const compiled = this.#compiled.get(key) ?? Compile(this.#closed(schema) as TSchema)
    this.#compiled.set(key, compiled)
    if (compiled.Check(body)) return []
    return [...compiled.Errors(body)].slice(0, 5).map(({ instancePath, message }) => `${instancePath || '/'} ${message}`)
  }

  /** Copies a schema without references, and closed to fields that it does not name unless it says otherwise. */
  #closed(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#closed(item))
    if (value === null || typeof value !== 'object') return value
    const [, kind = '', name = ''] = /^#\/components\/(\w+)\/(.+)$/.exec(String((value as { $ref?: string }).$ref ?? '')) ?? []
    const target = kind ? (this.#document.components[kind]?.[name] ?? {}) : value
    const copy = Object.fromEntries(Object.entries(target).map(([key, inner]) => [key, this.#closed(inner)]))
    return 'properties' in copy && !('additionalProperties' in copy) ? { ...copy, additionalProperties: false } : copy
  }
}
