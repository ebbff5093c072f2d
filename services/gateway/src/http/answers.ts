import { BridgeError } from '@codex-bridge/contracts'
import { commandIdOf } from './command-id.ts'
import type { GatewayContext } from './gateway-context.ts'

/** Sends JSON text as it came from the bus. */
export const answerText = (ctx: GatewayContext, status: number, text: string): void => {
  ctx.status = status
  ctx.type = 'application/json'
  ctx.body = text
}

export type CommandAnswer = {
  /** Status when the command is done. 204 sends no body. */
  status: 200 | 201 | 202 | 204
  laneId?: string
}

/**
 * Runs a changing request under its command id and answers it. When the owner did not answer in time the outcome is
 * unknown, not failed: 202 with the id, under which the request can be repeated safely and the event stream tells the end.
 */
export const answerCommand = async (
  ctx: GatewayContext,
  { status, laneId }: CommandAnswer,
  send: (commandId: string) => Promise<string>,
): Promise<void> => {
  const commandId = commandIdOf(ctx.req.headers['idempotency-key'])
  ctx.set('x-command-id', commandId)
  try {
    const text = await send(commandId)
    if (status === 204) ctx.status = 204
    else answerText(ctx, status, text)
  } catch (error) {
    if (!(error instanceof BridgeError) || error.code !== 'command_timeout') throw error
    ctx.status = 202
    ctx.body = { status: 'unknown', commandId, ...(laneId !== undefined && { laneId }) }
  }
}
