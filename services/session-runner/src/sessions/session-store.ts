import type { OwnedAggregate } from '@codex-bridge/bus'
import { BridgeError, type SessionEvent, type SessionState } from '@codex-bridge/contracts'
import type { SessionDraft } from './session-decider.ts'

type Decide = (state: SessionState) => SessionDraft | undefined

/** Delay before a low-priority append, in milliseconds, so the burst of events at the end of a turn goes first. */
const LOW_PRIORITY_DELAY_MS = 25

/** Maximum number of deferred events; beyond it the oldest is appended. */
const MAX_DEFERRED = 50

/** The session aggregate as its owner sees it: the state last stored, and appends in order. */
export class SessionStore {
  readonly #owned: Pick<OwnedAggregate<'session'>, 'state' | 'seq' | 'fenced' | 'waiting' | 'update' | 'settled'>
  readonly #initial: SessionState
  readonly #onFenced: (fault?: unknown) => void
  readonly #deferred: Decide[] = []
  #storingDeferred: Promise<void> | undefined
  #endDelay: () => void = () => undefined
  #closed = false

  /**
   * @param onFenced called without an argument when another owner has taken over, and with the error when a fact that nobody waits
   * for could not be stored for another reason. Either way what is known here is no longer what the log says.
   */
  constructor(
    owned: Pick<OwnedAggregate<'session'>, 'state' | 'seq' | 'fenced' | 'waiting' | 'update' | 'settled'>,
    initial: SessionState,
    onFenced: (fault?: unknown) => void,
  ) {
    this.#owned = owned
    this.#initial = initial
    this.#onFenced = onFenced
  }

  /** State after the last stored event. */
  get state(): SessionState {
    return this.#current(this.#owned.state)
  }

  get seq(): number {
    return this.#owned.seq
  }

  /** Appends what `decide` returns. @throws BridgeError `fenced` */
  async append(decide: Decide): Promise<SessionEvent | undefined> {
    try {
      return await this.#owned.update((stored) => decide(this.#current(stored)))
    } catch (error) {
      if (this.#owned.fenced) this.#onFenced()
      throw error
    }
  }

  /** Like append, for facts that nobody waits for. Order is kept; a failure goes to `onFenced`. */
  appendLater(decide: Decide): void {
    if (!this.#closed) void this.#appendOrReport(decide)
  }

  /** Like appendLater, but after everything else that is to be stored. Low-priority events keep their order among themselves. */
  appendLowPriority(decide: Decide): void {
    if (this.#closed) return
    this.#deferred.push(decide)
    this.#storingDeferred ??= this.#storeDeferred().finally(() => {
      this.#storingDeferred = undefined
    })
  }

  /** Resolves when everything asked for so far is stored. */
  async settled(): Promise<void> {
    this.#endDelay()
    await this.#storingDeferred
    await this.#owned.settled()
  }

  /** The session is over: later facts that nobody waits for are dropped. */
  close(): void {
    this.#closed = true
  }

  /** A lane that was created again under the same id starts from its own initial state. */
  #current(stored: SessionState | undefined): SessionState {
    return stored?.incarnation === this.#initial.incarnation ? stored : this.#initial
  }

  async #storeDeferred(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LOW_PRIORITY_DELAY_MS)
      this.#endDelay = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    for (let next = this.#deferred[0]; next; next = this.#deferred[0]) {
      while (this.#owned.waiting > 0 && this.#deferred.length <= MAX_DEFERRED) await this.#owned.settled()
      this.#deferred.shift()
      await this.#appendOrReport(next)
    }
  }

  async #appendOrReport(decide: Decide): Promise<void> {
    // A BridgeError means fenced, which `append` has reported.
    await this.append(decide).catch((error: unknown) => {
      if (!(error instanceof BridgeError)) this.#onFenced(error)
    })
  }
}
