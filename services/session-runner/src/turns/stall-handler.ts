import type { StatusReason } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import { turnStalled } from '../sessions/session-decider.ts'
import type { SessionStore } from '../sessions/session-store.ts'
import { workingSubAgents } from '../sub-agents/sub-agent-decider.ts'
import type { TurnInterrupter } from './turn-interrupter.ts'
import type { Stall } from './turn-watchdog.ts'

/** How long an interrupted turn may take before its process is ended, in milliseconds. */
const INTERRUPT_PATIENCE_MS = 15_000

export type StallHandlerOptions = {
  laneId: string
  record: SessionStore
  note: SessionStore['appendLater']
  logger: Logger
  ender: () => TurnInterrupter | undefined
  isOwn: (threadId: string) => boolean
  isLive: () => boolean
  /** Ends the process. */
  endProcess: () => void
}

/** What is done about turns that go nowhere, and about interrupts that Codex does not carry out. */
export class StallHandler {
  readonly #options: StallHandlerOptions

  constructor(options: StallHandlerOptions) {
    this.#options = options
  }

  /** Says that a turn is stalled and ends it: the lane's own with all below it, a sub-agent's alone. */
  async stalled(threadId: string, { kind, afterMs }: Stall): Promise<void> {
    const { laneId, record, note, logger, ender, isOwn } = this.#options
    const message = kind === 'no_progress' ? `No progress for ${afterMs} ms` : `Codex only retried for ${afterMs} ms`
    logger.warn({ laneId, threadId, kind, afterMs }, 'turn stalled')
    if (!isOwn(threadId)) {
      const stalled = workingSubAgents(record.state).filter((agent) => agent.threadId === threadId)
      await ender()?.endSubAgents(stalled, { cause: 'stalled', details: { kind, afterMs, message } })
      return
    }
    note((state) => (state.activeTurn ? turnStalled(state, { kind, afterMs, message }) : undefined))
    const turnId = record.state.activeTurn?.turnId ?? null
    const failure: StatusReason = { code: 'turn_stalled', message }
    await ender()
      ?.end({ cause: 'stalled', failure })
      .catch((error: unknown) => logger.warn({ err: error }, 'interrupt of a stalled turn'))
    this.endUnlessOver(turnId)
  }

  /** An interrupt that Codex agreed to and did not carry out leaves one way: end the process. */
  endUnlessOver(turnId: string | null): void {
    const { laneId, record, logger, isLive, endProcess } = this.#options
    const timer = setTimeout(() => {
      const turn = record.state.activeTurn
      if (!isLive() || !turn || (turnId !== null && turn.turnId !== turnId)) return
      logger.warn({ laneId, turnId }, 'interrupted turn did not end')
      endProcess()
    }, INTERRUPT_PATIENCE_MS)
    timer.unref()
  }
}
