import { BridgeError, type RequestOf, type Sessions, type TurnReceipt } from '@codex-bridge/contracts'
import { fingerprint } from '@codex-bridge/service-kit'
import type { SessionContext } from '../sessions/session-context.ts'
import { workingSubAgents } from '../sub-agents/sub-agent-decider.ts'
import { endProcessUnlessOver } from './stall-handler.ts'
import { expectTurn, receipt, recordedCommand, repeatedReceipt } from './turn-commands.ts'
import { interruptSubAgents, interruptTurn } from './turn-interrupter.ts'
import type { Ending } from './turn-progress.ts'

/**
 * Interrupts the active turn with its sub-agents, or the verification of the last one, or sub-agents that outlived their turn. The id
 * of a sub-agent's turn ends that one alone. Does not queue behind a prompt: a turn that is just starting is interrupted too. The
 * completion event tells when it is over.
 * @throws BridgeError `no_active_turn`, `turn_mismatch`, `codex_error`
 */
export const interrupt = async (
  context: SessionContext,
  { commandId, body }: RequestOf<typeof Sessions.interrupt>,
): Promise<TurnReceipt> => {
  const { store, turn: progress } = context
  const mark = fingerprint('interrupt', body)
  const known = recordedCommand(store.state, commandId, mark)
  if (known) return watched(context, repeatedReceipt(context, known))
  if (!store.state.activeTurn) await store.settled()
  const { activeTurn, verifying } = store.state
  const turn = activeTurn ?? verifying
  const turnId = body.turnId ?? turn?.turnId ?? null
  const working = workingSubAgents(store.state)
  const named = working.filter((agent) => agent.turnId === body.turnId)
  const why: Ending = { cause: 'operator', record: { commandId, fingerprint: mark, verb: 'interrupt', answer: { turnId } } }
  if (named.length > 0) await interruptSubAgents(context, named, why)
  else {
    if (!turn && working.length === 0) throw new BridgeError('no_active_turn')
    expectTurn(turn?.turnId ?? null, body.turnId)
    if (activeTurn) await interruptTurn(context, why)
    else if (verifying) {
      progress.ending = why
      context.verification?.abort()
    } else await interruptSubAgents(context, working, why)
  }
  return watched(context, receipt(context, 'interrupt', commandId, turnId))
}

const watched = (context: SessionContext, answer: TurnReceipt): TurnReceipt => {
  if (context.store.state.activeTurn) endProcessUnlessOver(context, answer.turnId)
  return answer
}
