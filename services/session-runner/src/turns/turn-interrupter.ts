import { BridgeError, type CommandRecord, type SubAgent } from '@codex-bridge/contracts'
import { closeRequestsOfTurn } from '../approvals/server-requests.ts'
import { codexError } from '../codex/codex-failures.ts'
import type { SessionContext } from '../sessions/session-context.ts'
import { subAgentEnding, workingSubAgents } from '../sub-agents/sub-agent-decider.ts'
import type { Ending } from './turn-progress.ts'

/**
 * Tells Codex to end the active turn and the turns of its sub-agents, which it would let run on. Returns when Codex has agreed.
 * @throws BridgeError `no_active_turn`, `codex_error`
 */
export const interruptTurn = async (context: SessionContext, why: Ending): Promise<void> => {
  const { store, turn } = context
  const { threadId } = store.state
  if (threadId === null) throw new BridgeError('no_active_turn')
  turn.ending = why
  const before = workingSubAgents(store.state)
  // Sub-agents first, so that none asks on behalf of a turn that is over. Not awaited, so that the turn cannot get any further.
  const ended = interruptSubAgents(context, before, { cause: why.cause })
  await askCodex(context, threadId).catch((error: unknown) => {
    throw codexError(error)
  })
  await cleanTerminals(context, threadId)
  await ended
  // The turn may have started another sub-agent while the known ones were being ended.
  await store.settled()
  const late = workingSubAgents(store.state).filter(({ turnId }) => !before.some((agent) => agent.turnId === turnId))
  await interruptSubAgents(context, late, { cause: why.cause })
}

/** Tells Codex to end the turns of sub-agents. One that does not react, or is over, is no error. */
export const interruptSubAgents = async (
  context: SessionContext,
  agents: readonly SubAgent[],
  why: { cause: string; record?: CommandRecord | undefined; details?: Record<string, unknown> },
): Promise<void> => {
  await Promise.all(
    agents.map(async ({ threadId, turnId }) => {
      context.store.appendLater((state) => subAgentEnding(state, threadId, why))
      if (turnId !== null) closeRequestsOfTurn(context, turnId)
      try {
        await askCodex(context, threadId)
        await cleanTerminals(context, threadId)
      } catch (error) {
        // It ended meanwhile, or its process did. Either way its end is reported on another path.
        context.log.info({ threadId, turnId, err: error }, 'sub-agent not interrupted')
      }
    }),
  )
}

/** Codex refuses an interrupt by id straight after the start ("no active turn"); the empty id means the starting or active turn. */
const askCodex = async ({ server }: SessionContext, threadId: string): Promise<void> => {
  await server.peer.call('turn/interrupt', { threadId, turnId: '' })
}

/** An interrupt leaves a command that was running alive in the background. The turn ends even if it cannot be cleaned up. */
const cleanTerminals = async ({ server, log }: SessionContext, threadId: string): Promise<void> => {
  await server.peer
    .call('thread/backgroundTerminals/clean', { threadId })
    .catch((error: unknown) => log.warn({ threadId, err: error }, 'background terminals of an interrupted turn not cleaned'))
}
