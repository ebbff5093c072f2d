import type { AppServerProcess } from '@codex-bridge/codex-client'
import { BridgeError, type CommandRecord, type SubAgent } from '@codex-bridge/contracts'
import type { TurnEnd } from '../sessions/session-decider.ts'
import type { SessionStore } from '../sessions/session-store.ts'
import { subAgentEnding, workingSubAgents } from '../sub-agents/sub-agent-decider.ts'
import { codexError } from '../threads/thread-loader.ts'

/** Why the bridge ends the active turn. `failure` turns Codex's `interrupted` into a failed turn. */
export type Ending = { cause: string; record?: CommandRecord | undefined; failure?: TurnEnd['error'] }

export type TurnInterrupterOptions = {
  record: SessionStore
  server: AppServerProcess
  rpcTimeoutMs: number
  /** The bridge is ending the lane's own turn: why, and which command asked for it. */
  onEnding: (why: Ending) => void
  /** A sub-agent's turn is being ended: nothing it asked for waits any longer. */
  onSubAgentEnds: (turnId: string) => void
}

/** Ends turns before their time: the lane's own, and those of its sub-agents, which Codex lets run on when their parent is interrupted. */
export class TurnInterrupter {
  readonly #options: TurnInterrupterOptions

  constructor(options: TurnInterrupterOptions) {
    this.#options = options
  }

  /** The lane's own turn, or what follows it, is being ended. */
  announce(why: Ending): void {
    this.#options.onEnding(why)
  }

  /**
   * Tells Codex to end the active turn and all below it, for whatever reason. Returns when it has agreed.
   * @throws BridgeError `no_active_turn`, `codex_error`
   */
  async end(why: Ending): Promise<void> {
    const { record, onEnding } = this.#options
    const { threadId } = record.state
    if (threadId === null) throw new BridgeError('no_active_turn')
    onEnding(why)
    const before = workingSubAgents(record.state)
    // Sub-agents first, so that none asks on behalf of a turn that is over; without a pause, so that the turn cannot get further.
    const ended = this.endSubAgents(before, { cause: why.cause })
    await this.#interrupt(threadId).catch((error: unknown) => {
      throw codexError(error)
    })
    await this.#cleanTerminals(threadId)
    await ended
    // The turn may have started one more while the others were being ended.
    await record.settled()
    const late = workingSubAgents(record.state).filter(({ turnId }) => !before.some((agent) => agent.turnId === turnId))
    await this.endSubAgents(late, { cause: why.cause })
  }

  /** Tells Codex to end the turns of sub-agents. One that does not listen, or is over, is no error. */
  async endSubAgents(
    agents: readonly SubAgent[],
    why: { cause: string; record?: CommandRecord | undefined; details?: Record<string, unknown> },
  ): Promise<void> {
    const { record, onSubAgentEnds } = this.#options
    await Promise.all(
      agents.map(async ({ threadId, turnId }) => {
        record.appendLater((state) => subAgentEnding(state, threadId, why))
        if (turnId !== null) onSubAgentEnds(turnId)
        try {
          await this.#interrupt(threadId)
          await this.#cleanTerminals(threadId)
        } catch {
          // It ended by itself meanwhile, or its process did: either way its end is told by somebody else.
        }
      }),
    )
  }

  /** By id, an interrupt straight after the start is lost ("no active turn"); the empty id means whatever is starting or active. */
  async #interrupt(threadId: string): Promise<void> {
    const { server, rpcTimeoutMs } = this.#options
    await server.peer.call('turn/interrupt', { threadId, turnId: '' }, { timeoutMs: rpcTimeoutMs })
  }

  /** An interrupt leaves the command that was running alive in the background. */
  async #cleanTerminals(threadId: string): Promise<void> {
    const { server, rpcTimeoutMs } = this.#options
    await server.peer.call('thread/backgroundTerminals/clean', { threadId }, { timeoutMs: rpcTimeoutMs }).catch(() => undefined)
  }
}
