import { BridgeError, type Problem, type Validator, validator } from '@codex-bridge/contracts'
import type { Static, TObject, TSchema } from 'typebox'
import type { GatewayContext } from './gateway-context.ts'
import { textOf, valuesOf } from './request-parameters.ts'

/** Reads the query parameters a schema names and checks them. Others are ignored, as servers do. */
export type QueryReader<T extends TObject> = (ctx: GatewayContext) => Static<T>

/** Text is all a query has: what a schema wants as a number or a flag is turned into one, or left for the validator to refuse. */
const CONVERSIONS: Readonly<Record<string, (text: string) => unknown>> = {
  integer: (text) => (/^\d{1,16}$/.test(text) ? Number(text) : text),
  boolean: (text) => ({ true: true, '1': true, false: false, '0': false })[text] ?? text,
}

/** Longest text of a parameter that is no list; its schema may ask for less. */
const MAX_TEXT = 4096

/**
 * Compiles a reader; call it at module load. The reader throws BridgeError `validation_error` listing every problem, and leaves
 * out what was not given or is empty.
 */
export const queryReader = <T extends TObject>(schema: T): QueryReader<T> => {
  const check: Validator<T> = validator(schema)
  const fields = Object.entries(schema.properties as Record<string, TSchema & { type?: string }>)
  return (ctx) => {
    const given: Record<string, unknown> = {}
    for (const [name, { type }] of fields) {
      const value = type === 'array' ? listOf(ctx, name) : textOf(ctx, name, MAX_TEXT)
      if (value !== undefined) given[name] = typeof value === 'string' ? (CONVERSIONS[type ?? '']?.(value) ?? value) : value
    }
    try {
      return check(given)
    } catch (error) {
      throw named(error, given)
    }
  }
}

const listOf = (ctx: GatewayContext, name: string): string[] | undefined => {
  const values = [...new Set(valuesOf(ctx, name))]
  return values.length > 0 ? values : undefined
}

/** Says what was read, because a person wrote text and is told about numbers. */
const named = (error: unknown, given: Record<string, unknown>): unknown => {
  if (!(error instanceof BridgeError) || !Array.isArray(error.details)) return error
  const details = (error.details as Problem[]).map(({ path, message }) => {
    const value = given[path.split('/')[1] ?? '']
    return { path, message: typeof value === 'string' ? `${message}, not ${JSON.stringify(value.slice(0, 64))}` : message }
  })
  return new BridgeError('validation_error', error.message, { details })
}
