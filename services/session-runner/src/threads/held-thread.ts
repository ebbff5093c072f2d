import { type AppServerProcess, isObject } from '@codex-bridge/codex-client'
import { type AppServerCall, BridgeError } from '@codex-bridge/contracts'

/** A thread whose process was started for it and is kept until the turn is over. `turnId` is null where no id was answered. */
export type HeldThread = { server: AppServerProcess; threadId: string; turnId: string | null }

type Params = AppServerCall['params']

/**
 * A call on the process that holds the thread. A start that names the running turn adds to it, and is sent as a steer: Codex would
 * add to the turn itself, but versions before 0.147 then answer the id of a turn that does not exist.
 */
export const callOnHeldThread = async (held: HeldThread, { method, params, timeoutMs }: AppServerCall): Promise<unknown> => {
  const { server, turnId } = held
  const limit = timeoutMs === undefined ? {} : { timeoutMs }
  const checked = checkTurnCall(method, params, turnId)
  if (method !== 'turn/start') return await server.peer.request(method, checked, limit)
  const steered = await server.peer.request('turn/steer', { ...checked, expectedTurnId: turnId }, limit)
  return { turn: { id: isObject(steered) ? steered['turnId'] : null } }
}

/** The id of the turn in a result. */
export const turnIdOf = (result: unknown): string | null => {
  const turn = isObject(result) ? result['turn'] : undefined
  return isObject(turn) && typeof turn['id'] === 'string' ? turn['id'] : null
}

/**
 * Checks a turn call against the turn that runs. Codex checks only a steer, and silently adds the input of a start to the turn.
 * @returns the parameters for Codex
 * @throws BridgeError `turn_active`, `turn_mismatch`, `no_active_turn`
 */
export const checkTurnCall = (method: string, params: Params, activeTurnId: string | null): Params => {
  if (method === 'turn/start') {
    const { expectedTurnId, ...rest } = params
    if (expectedTurnId !== undefined && expectedTurnId !== activeTurnId) {
      throw new BridgeError('turn_mismatch', undefined, { details: { expectedTurnId, activeTurnId } })
    }
    if (expectedTurnId === undefined && activeTurnId !== null) {
      throw new BridgeError('turn_active', undefined, { details: { turnId: activeTurnId } })
    }
    return rest
  }
  if (method !== 'turn/steer' && method !== 'turn/interrupt') return params
  if (activeTurnId === null) throw new BridgeError('no_active_turn')
  return method === 'turn/steer' && !params['expectedTurnId'] ? { ...params, expectedTurnId: activeTurnId } : params
}
