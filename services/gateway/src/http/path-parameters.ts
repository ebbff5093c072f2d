import { ApprovalId, BridgeError, type ErrorCode, LaneId, type Problem, SubscriptionId, ThreadId, validator } from '@codex-bridge/contracts'
import { type TSchema, Type } from 'typebox'
import type { GatewayContext } from './gateway-context.ts'

type PathParameter = { schema: TSchema; malformed: ErrorCode }

/** Every parameter that may occur in a path, and the error for a malformed value. */
export const PATH_PARAMETERS: Readonly<Record<string, PathParameter>> = {
  laneId: { schema: LaneId, malformed: 'validation_error' },
  threadId: { schema: ThreadId, malformed: 'validation_error' },
  approvalId: { schema: ApprovalId, malformed: 'approval_not_found' },
  id: { schema: SubscriptionId, malformed: 'webhook_not_found' },
  name: { schema: Type.String({ maxLength: 128, description: 'File name' }), malformed: 'route_not_found' },
}

type NamesIn<P extends string> = P extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never

/** The parameters of a path template by name. */
export type PathOf<P extends string> = { readonly [Name in NamesIn<P>]: string }

/** Names of the parameters in a path template, in order. */
export const parametersOf = (template: string): string[] => [...template.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)

/**
 * Compiles a reader for the path parameters of a template; call it at module load. The reader throws the error of the first
 * malformed parameter.
 * @throws Error for a parameter that is not in PATH_PARAMETERS
 */
export const pathReader = <P extends string>(template: P): ((ctx: GatewayContext) => PathOf<P>) => {
  const readers = parametersOf(template).map((name) => [name, parameterReader(name)] as const)
  // The names are those of the template, which the type is derived from.
  return (ctx) => Object.fromEntries(readers.map(([name, read]) => [name, read(ctx.params[name])])) as PathOf<P>
}

const parameterReader = (name: string): ((value: unknown) => unknown) => {
  const parameter = PATH_PARAMETERS[name]
  if (!parameter) throw new Error(`path parameter ${name} is not declared`)
  const check = validator(parameter.schema)
  return (value) => {
    try {
      return check(value)
    } catch (error) {
      if (parameter.malformed !== 'validation_error') throw new BridgeError(parameter.malformed)
      throw located(error, name)
    }
  }
}

/** Points the problems of a validation error to a parameter. */
const located = (error: unknown, name: string): unknown => {
  if (!(error instanceof BridgeError) || !Array.isArray(error.details)) return error
  const details = (error.details as Problem[]).map(({ message }) => ({ path: `/${name}`, message }))
  return new BridgeError('validation_error', error.message, { details })
}
