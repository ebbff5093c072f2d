import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Settings } from 'typebox/system'
import { BridgeError } from './errors.ts'

/** One thing wrong with a request. `path` is a JSON pointer into the body. */
export type Problem = { path: string; message: string }

/** A compiled validator: returns the value typed, or throws `validation_error` listing every problem. */
export type Validator<T extends TSchema> = (value: unknown) => Static<T>

/** At most this many problems are listed, so that a hostile body cannot produce a large answer. */
const PROBLEMS_LISTED = 50

/** A problem's path and message are cut to this many characters: both may repeat names that the client chose. */
const WORDS_LISTED = 512

/** The library stops after 8 errors unless told otherwise, and reports some of them twice. */
Settings.Set({ maxErrors: 1000 })

/** Compiles a schema once; call it at module load. */
export const validator = <T extends TSchema>(schema: T): Validator<T> => {
  const compiled = Compile(schema)
  return (value) => {
    if (compiled.Check(value)) return value as Static<T>
    throw new BridgeError('validation_error', 'The request does not fit its schema', { details: problems(compiled.Errors(value)) })
  }
}

/** A compiled type guard, for data that came from our own log. */
export const guard = <T extends TSchema>(schema: T) => {
  const compiled = Compile(schema)
  return (value: unknown): value is Static<T> => compiled.Check(value)
}

const compiledSchemas = new WeakMap<TSchema, ReturnType<typeof Compile>>()

/**
 * The first problem of a value, or undefined when it fits. A schema is compiled on first use, about a millisecond, and kept: a
 * process uses only some of the many schemas it imports.
 */
export const misfit = (schema: TSchema, value: unknown): Problem | undefined => {
  let compiled = compiledSchemas.get(schema)
  if (!compiled) {
    compiled = Compile(schema)
    compiledSchemas.set(schema, compiled)
  }
  return compiled.Check(value) ? undefined : problems(compiled.Errors(value))[0]
}

type SchemaError = { instancePath: string; message: string; keyword?: string; params?: unknown }

const problems = (errors: Iterable<SchemaError>): Problem[] => {
  const seen = new Map<string, Problem>()
  for (const error of errors) {
    // An additional property is reported twice by the library: by its owner, with its name, and as a false schema.
    if (error.keyword === 'boolean') continue
    const problem = { path: cut(error.instancePath || '/'), message: cut(describe(error)) }
    seen.set(`${problem.path} ${problem.message}`, problem)
    if (seen.size >= PROBLEMS_LISTED) break
  }
  return [...seen.values()]
}

const cut = (text: string): string => (text.length > WORDS_LISTED ? `${text.slice(0, WORDS_LISTED)}…` : text)

/** Names the properties and the allowed values, which the library's message leaves out. */
const describe = ({ message, keyword, params }: SchemaError): string => {
  const detail = params as Record<string, unknown> | undefined
  if (keyword === 'required') return `${message}: ${JSON.stringify(detail?.['requiredProperties'])}`
  if (keyword === 'additionalProperties') return `${message}: ${JSON.stringify(detail?.['additionalProperties'])}`
  if (keyword === 'enum') return `${message}: ${JSON.stringify(detail?.['allowedValues'])}`
  return message
}
