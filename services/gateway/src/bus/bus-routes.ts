import type { ErrorCode, RequestOf, ServiceVerb } from '@codex-bridge/contracts'
import type { Static, TObject, TSchema } from 'typebox'
import { type CommandDeclaration, type CommandInput, commandRoute, sendText } from '../http/command-route.ts'
import { CODEX_ERRORS } from '../http/error-codes.ts'
import type { PathOf } from '../http/path-parameters.ts'
import { type NoFields, type Route, type RouteInput, route } from '../http/route.ts'

type ReadDeclaration<P extends string, V extends ServiceVerb, Q extends TObject> = {
  path: P
  query?: Q
  verb: V
  /** Default: the verb's reply. Narrows a reply that the verb leaves open. */
  reply?: TSchema
  errors?: readonly ErrorCode[]
  /** The service asks an app-server first, so the read may take as long as a command. */
  asksCodex?: boolean
  request(input: { path: PathOf<P>; query: Static<Q> }): RequestOf<V>
}

/** Declares a GET route that passes on the reply of a verb. */
export const read = <P extends string, V extends ServiceVerb, Q extends TObject = NoFields>(
  declaration: ReadDeclaration<P, V, Q>,
): Route => {
  const { path, query, verb, reply = verb.reply, errors = [], asksCodex = false, request } = declaration
  return route<P, Q>({
    method: 'get',
    path,
    ...(query && { query }),
    replies: { 200: { schema: reply } },
    errors: ['bus_unavailable', 'store_unavailable', 'command_timeout', ...(asksCodex ? CODEX_ERRORS : []), ...errors],
    handle: async (input, ctx, bus) => sendText(ctx, 200, await bus[asksCodex ? 'command' : 'read'](verb, request(input))),
  })
}

type ActionDeclaration<P extends string, V extends ServiceVerb, B extends TSchema> = {
  path: P
  body?: B
  example?: unknown
  verb: V
  errors?: readonly ErrorCode[]
  request(input: Pick<RouteInput<P, NoFields, B>, 'path' | 'body'>): RequestOf<V>
}

/** Declares a POST route without an Idempotency-Key, for actions that are harmless to repeat. */
export const action = <P extends string, V extends ServiceVerb, B extends TSchema = NoFields>(
  declaration: ActionDeclaration<P, V, B>,
): Route => {
  const { verb, errors = [], request, ...description } = declaration
  return route<P, NoFields, B>({
    ...description,
    method: 'post',
    replies: { 200: { schema: verb.reply } },
    errors: ['bus_unavailable', 'command_timeout', ...errors],
    handle: async (input, ctx, bus) => sendText(ctx, 200, await bus.command(verb, request(input))),
  })
}

type VerbCommand<P extends string, V extends ServiceVerb, B extends TSchema> = Omit<CommandDeclaration<P, B>, 'send' | 'reply'> & {
  verb: V
  /** Default: the verb's reply. Narrows a reply that the verb leaves open. */
  reply?: TSchema
  request(input: CommandInput<P, B>): RequestOf<V>
}

/** Declares a command route that sends one verb and passes on its reply. */
export const command = <P extends string, V extends ServiceVerb, B extends TSchema = NoFields>(
  declaration: VerbCommand<P, V, B>,
): Route => {
  const { verb, request, ...description } = declaration
  return commandRoute<P, B>({ reply: verb.reply, ...description, send: (input, bus) => bus.command(verb, request(input)) })
}
