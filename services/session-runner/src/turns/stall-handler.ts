import type { StatusReason } from '@codex-bridge/contracts'
import type { SessionContext } from '../sessions/session-context.ts'
import { turnStalled } from '../sessions/session-decider.ts'
import { workingSubAgents } from '../sub-agents/sub-agent-decider.ts'
import { interruptSubAgents, interruptTurn } from './turn-interrupter.ts'
import type { Stall } from './turn-watchdog.ts'

/** How long an interrupted turn may take to end before its process is ended, in milliseconds. */
const INTERRUPT_PATIENCE_MS = 15_000

/** Records that a turn is stalled and ends it: the lane's own with its sub-agents, a sub-agent's alone. */
export const handleStall = async (context: SessionContext, threadId: string, { kind, afterMs }: Stall): Promise<void> => {
  const { store, log } = context
  const message = kind === 'no_progress' ? `No progress for ${afterMs} ms` : `Codex only retried for ${afterMs} ms`
  log.warn({ threadId, kind, afterMs }, 'turn stalled')
  if (!context.isOwnThread(threadId)) {
    const stalled = workingSubAgents(store.state).filter((agent) => agent.threadId === threadId)
    await interruptSubAgents(context, stalled, { cause: 'stalled', details: { kind, afterMs, message } })
    return
  }
  store.appendLater((state) => (state.activeTurn ? turnStalled(state, { kind, afterMs, message }) : undefined))
  const turnId = store.state.activeTurn?.turnId ?? null
  const failure: StatusReason = { code: 'turn_stalled', message }
  await interruptTurn(context, { cause: 'stalled', failure }).catch((error: unknown) =>
    log.warn({ turnId, err: error }, 'stalled turn not interrupted'),
  )
  endProcessUnlessOver(context, turnId)
}

/** Ends the process if an interrupted turn does not end: Codex agreed to the interrupt and did not carry it out. */
export const endProcessUnlessOver = (context: SessionContext, turnId: string | null): void => {
  const { store, log, server } = context
  const timer = setTimeout(() => {
    const turn = store.state.activeTurn
    if (context.phase !== 'live' || !turn || (turnId !== null && turn.turnId !== turnId)) return
    log.warn({ turnId }, 'interrupted turn did not end; ending its process')
    void server.stop()
  }, INTERRUPT_PATIENCE_MS)
  timer.unref()
}
