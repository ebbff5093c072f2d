import { EmptyBody, type ErrorCode, validator } from '@codex-bridge/contracts'
import type { Static, TObject, TSchema } from 'typebox'
import type { BusGateway } from '../bus/bus-gateway.ts'
import type { GatewayContext } from './gateway-context.ts'
import { type PathOf, pathReader } from './path-parameters.ts'
import { queryReader } from './query-reader.ts'

type Method = 'get' | 'post' | 'patch' | 'delete'

/** The response of one status that is not an error of the registry. */
export type Reply = {
  /** Omitted: the response has no body. */
  schema?: TSchema
  /** Default `application/json`. */
  contentType?: string
  /** Default: the description of the schema. */
  description?: string
}

/** Everything the OpenAPI document says about a route, except its summary, description and tag: these are in the comment beside it. */
export type RouteDescription = {
  method: Method
  /** OpenAPI template, such as `/lanes/{laneId}`. Its parameters are declared in path-parameters.ts. */
  path: string
  query?: TObject
  headers?: TObject
  /** Omitted: the route takes no body, or `{}`. */
  body?: TSchema
  /** An example of the body. */
  example?: unknown
  replies: Readonly<Record<number, Reply>>
  /** Codes specific to this route. error-codes.ts adds those that follow from its shape. */
  errors?: readonly ErrorCode[]
}

/** A route as it is mounted. Anything it throws becomes an error response. */
export type Route = RouteDescription & {
  handle(ctx: GatewayContext, bus: BusGateway): Promise<void> | void
}

export type NoFields = TObject<Record<never, TSchema>>

/** The validated parts of a request. */
export type RouteInput<P extends string, Q extends TObject = NoFields, B extends TSchema = NoFields> = {
  path: PathOf<P>
  query: Static<Q>
  body: Static<B>
}

type RouteDeclaration<P extends string, Q extends TObject, B extends TSchema> = Omit<RouteDescription, 'path' | 'query' | 'body'> & {
  path: P
  query?: Q
  body?: B
  handle(input: RouteInput<P, Q, B>, ctx: GatewayContext, bus: BusGateway): Promise<void> | void
}

/** Declares a route. Path, query and body are validated before `handle` is called. */
export const route = <P extends string, Q extends TObject = NoFields, B extends TSchema = NoFields>(
  declaration: RouteDeclaration<P, Q, B>,
): Route => {
  const { handle, ...description } = declaration
  const readPath = pathReader(declaration.path)
  const readQuery = queryReader(declaration.query ?? EmptyBody)
  const takesBody = declaration.method === 'post' || declaration.method === 'patch'
  const checkBody = takesBody ? validator(declaration.body ?? EmptyBody) : () => ({})
  return {
    ...description,
    handle: (ctx, bus) => {
      // A declaration without a query or body leaves Q and B at their default, which fits the empty object that is read.
      const input = { path: readPath(ctx), query: readQuery(ctx), body: checkBody(ctx.state.json) } as RouteInput<P, Q, B>
      return handle(input, ctx, bus)
    },
  }
}
