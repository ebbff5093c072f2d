import { BridgeError, type SessionState } from '@codex-bridge/contracts'
import { sessionDeferred, sessionReady } from '../sessions/readiness-decider.ts'
import type { SessionContext } from '../sessions/session-context.ts'
import { type LoadedThread, retryThread } from './thread-loader.ts'

const LONGEST_WAIT_MS = 30_000
const GROWTH = 1.5

/** The wait after one of `waitMs`. */
export const nextWait = (waitMs: number): number => Math.max(waitMs, Math.min(LONGEST_WAIT_MS, Math.round(waitMs * GROWTH)))

/** Retries a deferred thread until it can be resumed, and records that. Needs no command. */
export class ThreadRetrier {
  readonly #context: SessionContext
  readonly #since = Date.now()
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(context: SessionContext) {
    this.#context = context
  }

  start(): void {
    this.#schedule(this.#context.runner.config.BRIDGE_READINESS_RETRY_MS)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #schedule(waitMs: number): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => void this.#try(waitMs), waitMs)
    this.#timer.unref()
  }

  async #try(waitMs: number): Promise<void> {
    const { store, log } = this.#context
    try {
      const outcome = await retryThread(this.#context)
      if (this.#stopped) return
      if (typeof outcome !== 'string') {
        await this.#ready(outcome)
        return
      }
      await store.append((state) => (stillDeferred(state, outcome) ? sessionDeferred(state, outcome) : undefined))
    } catch (error) {
      // A lost process ends the session, and a fenced session is reported elsewhere. Anything else may pass.
      log.warn({ code: BridgeError.from(error).code, err: error }, 'thread not ready yet')
    }
    this.#schedule(nextWait(waitMs))
  }

  async #ready({ thread, settings }: LoadedThread): Promise<void> {
    const { store, log } = this.#context
    const deferredMs = Date.now() - this.#since
    // The summary first: a client that sees the event may ask for it.
    this.#context.thread = thread
    this.#context.touch()
    await store.append((state) => (state.readinessDeferred ? sessionReady(state, { settings, deferredMs }) : undefined))
    log.info({ deferredMs }, 'thread ready')
    this.stop()
  }
}

const stillDeferred = (state: SessionState, reason: string): boolean => state.readinessDeferred && state.readinessReason !== reason
