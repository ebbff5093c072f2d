import { BridgeError, type CommandRecord, type SessionState, type TurnReceipt } from '@codex-bridge/contracts'
import type { SessionContext } from '../sessions/session-context.ts'

/** What prompt, steer and interrupt have in common. */
export type TurnCommand = TurnReceipt['action']

const STATUS = { prompt: 'inProgress', steer: 'steered', interrupt: 'interrupting' } as const

/** Whether a turn or its verification is under way. */
export const isBusy = (state: SessionState): boolean => state.activeTurn !== null || state.verifying !== null

/** A command that was carried out before. @throws BridgeError `idempotency_key_reused` for another request under its id */
export const recordedCommand = (state: SessionState, commandId: string, fingerprint: string): CommandRecord | undefined => {
  const known = state.commands.find((command) => command.commandId === commandId)
  if (known && known.fingerprint !== fingerprint) throw new BridgeError('idempotency_key_reused')
  return known
}

/** The first answer to a command that is repeated. */
export const repeatedReceipt = (context: SessionContext, { verb, commandId, answer }: CommandRecord): TurnReceipt => {
  const turnId = typeof answer['turnId'] === 'string' ? answer['turnId'] : null
  // Only the three commands of this folder are recorded with a session.
  return receipt(context, verb as TurnCommand, commandId, turnId)
}

/** The answer to a command. `seq` is that of the last stored event, so a reader can wait for the command's effect. */
export const receipt = ({ store }: SessionContext, action: TurnCommand, commandId: string, turnId: string | null): TurnReceipt => {
  const { laneId, threadId } = store.state
  return { laneId, sessionId: laneId, threadId, turnId, action, status: STATUS[action], commandId, seq: store.seq }
}

/** @throws BridgeError `turn_mismatch` if another turn than the expected one is active */
export const expectTurn = (actual: string | null, expected: string | undefined): void => {
  if (expected === undefined || actual === expected) return
  throw new BridgeError('turn_mismatch', undefined, { details: { expectedTurnId: expected, activeTurnId: actual } })
}

/** A text as Codex takes it as input. */
export const textInput = (text: string) => ({ type: 'text' as const, text, text_elements: [] })
