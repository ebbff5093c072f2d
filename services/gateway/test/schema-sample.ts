import type { Verb } from '@codex-bridge/contracts'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'

/** The parts of a JSON schema, without references, that samples need. */
export type Schema = TSchema & {
  type?: string
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: unknown
  items?: Schema
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
}

const TEXTS = ['a', '1', 'true', '/a', '*', 'https://a.example', '2026-01-01T00:00:00Z', 'wh_1', 'apr_1', 'evt_1']

/** A value that fits a schema, with only the required fields. */
export const sampleOf = (schema: Schema): unknown => {
  if (schema.properties) {
    return Object.fromEntries((schema.required ?? []).map((name) => [name, sampleOf(schema.properties?.[name] as Schema)]))
  }
  if (schema.anyOf?.[0]) return sampleOf(schema.anyOf[0])
  const check = Compile(schema)
  const simple = [schema.const, ...(schema.enum ?? []), ...TEXTS, 1, true, {}, [], null].find(
    (value) => value !== undefined && check.Check(value),
  )
  if (simple === undefined && schema.items) return [sampleOf(schema.items)]
  if (simple === undefined) throw new Error(`no sample of ${JSON.stringify(schema)}`)
  return simple
}

/** A reply that fits the verb's schema, with the given fields. */
export const sampleReply = (verb: Verb, fields: unknown): Record<string, unknown> => {
  const { reply }: { reply: Schema } = verb
  return { ...(reply.properties || reply.anyOf ? (sampleOf(reply) as object) : {}), ...(fields as object) }
}
