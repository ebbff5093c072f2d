import type { RpcPeer } from '@codex-bridge/codex-client'
import type { CommandRecord } from '@codex-bridge/contracts'
import { verificationCompleted, verificationStarted } from '../sessions/session-decider.ts'
import type { SessionStore } from '../sessions/session-store.ts'
import { runVerification } from './verification-commands.ts'

export type VerifierOptions = {
  record: SessionStore
  note: SessionStore['appendLater']
  commands: string[]
  cwd: string
  timeoutMs: number
  /** Undefined once the session is ending. */
  peer: () => RpcPeer | undefined
  finalMessage: () => string | null
  /** The interrupt command that broke it off, if one did. */
  brokenOffBy: () => CommandRecord | undefined
}

/** Carries out what a completed turn is to be verified with, where the state says that it is. */
export class TurnVerifier {
  readonly #options: VerifierOptions
  #aborting: AbortController | undefined

  constructor(options: VerifierOptions) {
    this.#options = options
  }

  async verify(): Promise<void> {
    const aborting = new AbortController()
    this.#aborting = aborting
    const { record, note, commands, cwd, timeoutMs, peer, finalMessage: said, brokenOffBy } = this.#options
    await record.settled()
    const connection = peer()
    if (!record.state.verifying || !connection) return
    const finalMessage = said()
    note((state) => verificationStarted(state, commands))
    const outcome = await runVerification(connection, { commands, cwd, timeoutMs, signal: aborting.signal })
    this.#aborting = undefined
    const by = brokenOffBy()
    note((state) => (state.verifying ? verificationCompleted(state, { ...outcome, finalMessage, record: by }) : undefined))
  }

  /** Breaks off what runs. */
  abort(): void {
    this.#aborting?.abort()
  }
}
