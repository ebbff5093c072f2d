import { BridgeError } from '@codex-bridge/contracts'
import { newCommandId } from '@codex-bridge/service-kit'

const COMMAND_ID = /^[\x21-\x7e]{1,128}$/

/**
 * The id that ties a retry to the first attempt: the client's key, or a new id.
 * @throws BridgeError `idempotency_key_invalid`
 */
export const commandIdOf = (idempotencyKey: string | string[] | undefined): string => {
  if (idempotencyKey === undefined) return newCommandId()
  if (typeof idempotencyKey !== 'string' || !COMMAND_ID.test(idempotencyKey)) throw new BridgeError('idempotency_key_invalid')
  return idempotencyKey
}
