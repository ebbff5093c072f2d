import type { OwnedAggregate } from '@codex-bridge/bus'
import { BridgeError, type BridgeEvent, type SessionState } from '@codex-bridge/contracts'
import type { SessionDraft } from './session.decider.ts'

/** The session aggregate in its owner's hands: what was stored last, and appends in order. */
export class SessionRecord {
  readonly #owned: OwnedAggregate<SessionState>
  readonly #initial: SessionState
  readonly #onFenced: () => void

  /** @param onFenced called once when another owner is found to have taken over */
  constructor(owned: OwnedAggregate<SessionState>, initial: SessionState, onFenced: () => void) {
    this.#owned = owned
    this.#initial = initial
    this.#onFenced = onFenced
  }

  /** State after the last stored event. */
  get state(): SessionState {
    const stored = this.#owned.state
    return stored?.incarnation === this.#initial.incarnation ? stored : this.#initial
  }

  get seq(): number {
    return this.#owned.seq
  }

  /** Appends what `decide` returns. @throws BridgeError `fenced` */
  async append(decide: (state: SessionState) => SessionDraft | undefined): Promise<BridgeEvent | undefined> {
    try {
      return await this.#owned.update((stored) => decide(stored?.incarnation === this.#initial.incarnation ? stored : this.#initial))
    } catch (error) {
      if (this.#owned.fenced) this.#onFenced()
      throw error
    }
  }

  /** As append, for facts nobody waits for. Order is kept; being fenced is reported once, elsewhere. */
  note(decide: (state: SessionState) => SessionDraft | undefined): void {
    this.append(decide).catch((error: unknown) => {
      if (!(error instanceof BridgeError)) throw error
    })
  }

  /** Resolves when everything asked for so far is stored. */
  async settled(): Promise<void> {
    await this.#owned.settled()
  }
}
