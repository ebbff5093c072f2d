import { BridgeError, EventPattern, isLaneId, ThreadId as PathThreadId, type Problem, validator } from '@codex-bridge/contracts'
import { type TSchema, Type } from 'typebox'
import type { GatewayContext } from './gateway-context.ts'

const invalid = (path: string, message: string): BridgeError =>
  new BridgeError('validation_error', 'The request does not fit its schema', {
    details: [{ path: `/${path}`, message }] satisfies Problem[],
  })

/** Lane id of the path. @throws BridgeError `validation_error` */
export const laneIdOf = (ctx: GatewayContext): string => {
  const { laneId } = ctx.params
  if (!isLaneId(laneId)) throw invalid('laneId', 'must be 1 to 64 letters, digits, "_" or "-", starting with a letter or digit')
  return laneId
}

const checkThreadId = validator(PathThreadId)

/** Thread id of the path. @throws BridgeError `validation_error` */
export const threadIdOf = (ctx: GatewayContext): string => {
  try {
    return checkThreadId(ctx.params['threadId'])
  } catch {
    throw invalid('threadId', 'must be 1 to 128 letters, digits, "_" or "-", starting with a letter or digit')
  }
}

const SPACES_AROUND = /^ +| +$/g

/** Every value of a query parameter: repeated ones and comma-separated ones alike. */
export const valuesOf = (ctx: GatewayContext, name: string): string[] =>
  new URLSearchParams(ctx.querystring)
    .getAll(name)
    .flatMap((value) => value.split(','))
    .map((value) => value.replace(SPACES_AROUND, ''))
    .filter(Boolean)

/** As valuesOf, each checked, no repetitions. @throws BridgeError `validation_error` */
export const checkedValuesOf = <T extends TSchema>(ctx: GatewayContext, name: string, schema: T, most: number): string[] => {
  const values = [...new Set(valuesOf(ctx, name))]
  if (values.length > most) throw invalid(name, `must name at most ${most}`)
  const check = validator(schema)
  for (const [index, value] of values.entries()) {
    try {
      check(value)
    } catch {
      throw invalid(`${name}/${index}`, `${JSON.stringify(value.slice(0, 64))} does not fit ${JSON.stringify(patternOf(schema))}`)
    }
  }
  return values
}

const patternOf = (schema: TSchema): unknown => (schema as { pattern?: string; maxLength?: number }).pattern ?? schema

/** Event patterns in `types`. */
export const typePatternsOf = (ctx: GatewayContext, most: number): string[] => checkedValuesOf(ctx, 'types', EventPattern, most)

/** The last value of a query parameter, undefined when absent or empty. */
export const textOf = (ctx: GatewayContext, name: string, maxLength = 512): string | undefined => {
  const value = new URLSearchParams(ctx.querystring).getAll(name).at(-1)
  if (value === undefined || value === '') return
  if (value.length > maxLength) throw invalid(name, `must be at most ${maxLength} characters`)
  return value
}

/** A whole number in the query. @throws BridgeError `validation_error` */
export const integerOf = (ctx: GatewayContext, name: string, { min, max }: { min: number; max: number }): number | undefined => {
  const text = textOf(ctx, name)
  if (text === undefined) return
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= min && value <= max)) throw invalid(name, `must be a whole number from ${min} to ${max}`)
  return value
}

/** `minSeq` for reads that must show an event already seen. */
export const minSeqOf = (ctx: GatewayContext): { minSeq?: number } => {
  const minSeq = integerOf(ctx, 'minSeq', { min: 0, max: Number.MAX_SAFE_INTEGER })
  return minSeq === undefined ? {} : { minSeq }
}

/** `true|false|1|0`, default false. @throws BridgeError `validation_error` */
export const flagOf = (ctx: GatewayContext, name: string): boolean => {
  const text = textOf(ctx, name)
  if (text === undefined || text === 'false' || text === '0') return false
  if (text === 'true' || text === '1') return true
  throw invalid(name, 'must be true or false')
}

/** Thread ids as filters and bodies may name them. */
export const ThreadId = Type.String({ minLength: 1, maxLength: 128 })
