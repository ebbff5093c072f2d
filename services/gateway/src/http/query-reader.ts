import { BridgeError, type Problem, validator } from '@codex-bridge/contracts'
import type { Static, TObject, TSchema } from 'typebox'
import type { GatewayContext } from './gateway-context.ts'

/** Reads the query parameters that a schema declares and validates them. Other parameters are ignored. */
export type QueryReader<T extends TObject> = (ctx: GatewayContext) => Static<T>

type Field = TSchema & { type?: string; default?: unknown }

/** Converts the text of a parameter to the type in its schema. Text that does not convert is left for the validator to reject. */
const CONVERSIONS: Readonly<Record<string, (text: string) => unknown>> = {
  integer: (text) => (/^\d{1,16}$/.test(text) ? Number(text) : text),
  boolean: (text) => ({ true: true, '1': true, false: false, '0': false })[text] ?? text,
}

/** Maximum length of a parameter that is not a list; its schema may set a lower limit. */
const MAX_TEXT = 4096

/**
 * Compiles a reader; call it at module load. Absent and empty parameters get the default of their schema. Lists may be repeated or
 * comma-separated. The reader throws BridgeError `validation_error` listing every problem.
 */
export const queryReader = <T extends TObject>(schema: T): QueryReader<T> => {
  const check = validator(schema)
  const fields = Object.entries(schema.properties as Record<string, Field>)
  const defaults = Object.fromEntries(fields.flatMap(([name, field]) => (field.default === undefined ? [] : [[name, field.default]])))
  return (ctx) => {
    if (ctx.querystring === '') return check({ ...defaults })
    const query = new URLSearchParams(ctx.querystring)
    const given: Record<string, unknown> = {}
    for (const [name, { type = '' }] of fields) {
      const value = type === 'array' ? listIn(query, name) : textIn(query, name)
      if (value !== undefined) given[name] = typeof value === 'string' ? (CONVERSIONS[type]?.(value) ?? value) : value
    }
    try {
      return check({ ...defaults, ...given })
    } catch (error) {
      throw withValues(error, given)
    }
  }
}

const SPACES_AROUND = /^ +| +$/g

const listIn = (query: URLSearchParams, name: string): string[] | undefined => {
  const values = query.getAll(name).flatMap((value) => value.split(','))
  const present = values.map((value) => value.replace(SPACES_AROUND, '')).filter(Boolean)
  return present.length > 0 ? [...new Set(present)] : undefined
}

/** The last value counts. */
const textIn = (query: URLSearchParams, name: string): string | undefined => {
  const value = query.getAll(name).at(-1) ?? ''
  if (value.length <= MAX_TEXT) return value === '' ? undefined : value
  const details = [{ path: `/${name}`, message: `must not be longer than ${MAX_TEXT} characters` }] satisfies Problem[]
  throw new BridgeError('validation_error', undefined, { details })
}

/** Adds the rejected text to each problem: "must be integer" alone does not tell what was wrong with it. */
const withValues = (error: unknown, given: Record<string, unknown>): unknown => {
  if (!(error instanceof BridgeError) || !Array.isArray(error.details)) return error
  const details = (error.details as Problem[]).map(({ path, message }) => {
    const value = given[path.split('/')[1] ?? '']
    return { path, message: typeof value === 'string' ? `${message}, not ${JSON.stringify(value.slice(0, 64))}` : message }
  })
  return new BridgeError('validation_error', error.message, { details })
}
