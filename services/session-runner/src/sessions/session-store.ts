import type { OwnedAggregate } from '@codex-bridge/bus'
import { BridgeError, type BridgeEvent, type SessionState } from '@codex-bridge/contracts'
import type { SessionDraft } from './session-decider.ts'

type Decide = (state: SessionState) => SessionDraft | undefined

/** What gives way waits so long for what may follow at once, in milliseconds: at its end a turn says several things in a row. */
const PAUSE_MS = 25

/** So many events give way to others at most; one more, and the oldest takes its turn. */
const YIELDING_AT_MOST = 50

/** The session aggregate in its owner's hands: what was stored last, and appends in order. */
export class SessionStore {
  readonly #owned: OwnedAggregate<SessionState>
  readonly #initial: SessionState
  readonly #onFenced: (fault?: unknown) => void
  readonly #yielding: Decide[] = []
  #storingYielded: Promise<void> | undefined
  #endPause: () => void = () => undefined

  /**
   * @param onFenced called when another owner is found to have taken over, and with the error when a fact that nobody waits for could
   * not be stored for another reason: what is known here is then no longer what the log says
   */
  constructor(owned: OwnedAggregate<SessionState>, initial: SessionState, onFenced: (fault?: unknown) => void) {
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
  async append(decide: Decide): Promise<BridgeEvent | undefined> {
    try {
      return await this.#owned.update((stored) => decide(stored?.incarnation === this.#initial.incarnation ? stored : this.#initial))
    } catch (error) {
      if (this.#owned.fenced) this.#onFenced()
      throw error
    }
  }

  /** As append, for facts nobody waits for. Order is kept; a failure goes to `onFenced`. */
  appendLater(decide: Decide): void {
    void this.#appended(decide)
  }

  /** As note, but whatever else is to be stored goes first. Those that give way keep their order among themselves. */
  appendLowPriority(decide: Decide): void {
    this.#yielding.push(decide)
    this.#storingYielded ??= this.#storeYielded().finally(() => {
      this.#storingYielded = undefined
    })
  }

  /** Resolves when everything asked for so far is stored. */
  async settled(): Promise<void> {
    this.#endPause()
    await this.#storingYielded
    await this.#owned.settled()
  }

  async #storeYielded(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PAUSE_MS)
      this.#endPause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    for (let next = this.#yielding[0]; next; next = this.#yielding[0]) {
      while (this.#owned.waiting > 0 && this.#yielding.length <= YIELDING_AT_MOST) await this.#owned.settled()
      this.#yielding.shift()
      await this.#appended(next)
    }
  }

  async #appended(decide: Decide): Promise<void> {
    await this.append(decide).catch((error: unknown) => {
      if (!(error instanceof BridgeError)) this.#onFenced(error)
    })
  }
}
