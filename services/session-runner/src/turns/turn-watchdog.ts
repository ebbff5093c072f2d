/** Limits in milliseconds; 0 switches a check off. */
export type WatchdogLimits = { stallMs: number; retryMs: number }
export type Stall = { kind: 'no_progress' | 'endless_retries'; afterMs: number }

/**
 * Notices a turn that makes no progress: no sign of life for too long, or nothing but reports of retries. Codex itself waits without
 * limit for a model endpoint that is gone. Time that a person takes to answer does not count.
 */
export class TurnWatchdog {
  readonly #limits: WatchdogLimits
  readonly #onStall: (stall: Stall) => void
  #timer: NodeJS.Timeout | undefined
  #progressAt = 0
  #retryingSince: number | undefined
  #waitingForPerson = false

  constructor(limits: WatchdogLimits, onStall: (stall: Stall) => void) {
    this.#limits = limits
    this.#onStall = onStall
  }

  /** A turn begins. */
  arm(): void {
    this.disarm()
    this.#progressAt = performance.now()
    const shortest = Math.min(...[this.#limits.stallMs, this.#limits.retryMs].filter((ms) => ms > 0))
    if (!Number.isFinite(shortest)) return
    this.#timer = setInterval(() => this.#check(), Math.max(50, Math.min(shortest / 4, 5000)))
    this.#timer.unref()
  }

  /** The turn is over, or its stall was reported. */
  disarm(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#retryingSince = undefined
  }

  progress(): void {
    this.#progressAt = performance.now()
    this.#retryingSince = undefined
  }

  /** Codex reports a retry: neither a failure nor progress. */
  retrying(): void {
    this.#retryingSince ??= performance.now()
    this.#progressAt = performance.now()
  }

  waitingForPerson(waiting: boolean): void {
    if (this.#waitingForPerson && !waiting) this.progress()
    this.#waitingForPerson = waiting
  }

  #check(): void {
    if (this.#waitingForPerson) return
    const now = performance.now()
    const { stallMs, retryMs } = this.#limits
    if (retryMs > 0 && this.#retryingSince !== undefined && now - this.#retryingSince > retryMs)
      this.#report('endless_retries', now - this.#retryingSince)
    else if (stallMs > 0 && now - this.#progressAt > stallMs) this.#report('no_progress', now - this.#progressAt)
  }

  #report(kind: Stall['kind'], afterMs: number): void {
    this.disarm()
    this.#onStall({ kind, afterMs: Math.round(afterMs) })
  }
}
