import { createHash } from 'node:crypto'
import { BridgeError } from '@codex-bridge/contracts'
import { newCommandId } from '@codex-bridge/service-kit'

const COMMAND_ID = /^[\x21-\x7e]{1,128}$/
const LONGEST = 128

/**
 * The id that ties a retry to its first try.
 * @throws BridgeError `idempotency_key_invalid`
 */
export const commandIdOf = (idempotencyKey: string | string[] | undefined): string => {
  if (idempotencyKey === undefined) return newCommandId()
  if (typeof idempotencyKey !== 'string' || !COMMAND_ID.test(idempotencyKey)) throw new BridgeError('idempotency_key_invalid')
  return idempotencyKey
}

/** Id of a step of a command: the same for every retry of it, and still within the limit. */
export const stepId = (commandId: string, step: string): string => {
  const plain = `${commandId}:${step}`
  return plain.length <= LONGEST ? plain : `cmd_${createHash('sha256').update(plain).digest('hex')}`
}
