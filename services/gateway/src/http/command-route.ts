import { BridgeError, CommandId, type ErrorCode } from '@codex-bridge/contracts'
import { type TSchema, Type } from 'typebox'
import type { BusGateway } from '../bus/bus-gateway.ts'
import { commandIdOf } from './command-id.ts'
import type { GatewayContext } from './gateway-context.ts'
import { type NoFields, type Reply, type Route, type RouteInput, route } from './route.ts'

const CommandHeaders = Type.Object({
  'Idempotency-Key': Type.Optional({
    ...CommandId,
    description: 'Identifies the command. A request repeated with the same key and body runs at most once.',
  }),
})

/** The response to a command whose outcome is unknown. */
const UnknownOutcome = Type.Object(
  { status: Type.Literal('unknown'), commandId: Type.String(), laneId: Type.Optional(Type.String()) },
  {
    $id: 'UnknownOutcome',
    description: 'The service did not respond in time. The command may have run: repeat it with the same key, or follow the event stream.',
  },
)

export type CommandInput<P extends string, B extends TSchema> = Pick<RouteInput<P, NoFields, B>, 'path' | 'body'> & { commandId: string }

export type CommandDeclaration<P extends string, B extends TSchema> = {
  /** Default `post`. */
  method?: 'post' | 'patch' | 'delete'
  path: P
  body?: B
  example?: unknown
  /** Status once the command is done. 204 has no body. */
  status: 200 | 201 | 202 | 204
  reply: TSchema
  errors?: readonly ErrorCode[]
  /** Sends the command and resolves with the JSON text of its reply. */
  send(input: CommandInput<P, B>, bus: BusGateway): Promise<string>
}

/**
 * Declares a route that changes something and runs at most once per Idempotency-Key. If the service does not respond in time, the
 * outcome is unknown rather than failed: the response is 202 with the id under which the request can be repeated safely.
 */
export const commandRoute = <P extends string, B extends TSchema = NoFields>(declaration: CommandDeclaration<P, B>): Route => {
  const { status, reply, errors = [], send, method = 'post', ...description } = declaration
  return route<P, NoFields, B>({
    ...description,
    method,
    headers: CommandHeaders,
    replies: repliesOf(status, reply),
    errors: ['idempotency_key_invalid', 'idempotency_key_reused', 'bus_unavailable', ...errors],
    handle: async ({ path, body }, ctx, bus) => {
      const commandId = commandIdOf(ctx.req.headers['idempotency-key'])
      ctx.set('x-command-id', commandId)
      try {
        const text = await send({ path, body, commandId }, bus)
        if (status === 204) ctx.status = 204
        else sendText(ctx, status, text)
      } catch (error) {
        if (!(error instanceof BridgeError) || error.code !== 'command_timeout') throw error
        ctx.status = 202
        ctx.body = { status: 'unknown', commandId, ...laneIn(path, body) }
      }
    },
  })
}

const repliesOf = (status: number, reply: TSchema): Record<number, Reply> => {
  if (status === 202)
    return { 202: { schema: Type.Union([reply, UnknownOutcome]), description: 'Accepted, or the outcome is not known yet.' } }
  return { [status]: status === 204 ? { description: 'Done.' } : { schema: reply }, 202: { schema: UnknownOutcome } }
}

/** The lane that a command names in its path or body. */
const laneIn = (path: { laneId?: string }, body: unknown): { laneId?: string } => {
  const laneId = path.laneId ?? (body as { laneId?: string } | undefined)?.laneId
  return laneId === undefined ? {} : { laneId }
}

/** Sends JSON text as it came from the bus. */
export const sendText = (ctx: GatewayContext, status: number, text: string): void => {
  ctx.status = status
  ctx.type = 'application/json'
  ctx.body = text
}
