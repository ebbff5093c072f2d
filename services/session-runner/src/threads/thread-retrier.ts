import { BridgeError, type SessionState } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import { sessionDeferred, sessionReady } from '../sessions/readiness-decider.ts'
import type { SessionStore } from '../sessions/session-store.ts'
import type { LoadedThread, ThreadLoader } from './thread-loader.ts'

export type ThreadRetrierOptions = {
  loader: Pick<ThreadLoader, 'retry'>
  record: Pick<SessionStore, 'append' | 'state'>
  /** Time until the first retry, in milliseconds; each further one waits longer, up to LONGEST_WAIT_MS. */
  retryMs: number
  logger: Logger
  onReady: (loaded: LoadedThread) => void
}

const LONGEST_WAIT_MS = 30_000
const GROWTH = 1.5

/** The wait after one of `waitMs`. */
export const nextWait = (waitMs: number): number => Math.max(waitMs, Math.min(LONGEST_WAIT_MS, Math.round(waitMs * GROWTH)))

/** Tries a deferred thread again and again until it can be resumed, and says so in the log. Needs no command. */
export class ThreadRetrier {
  readonly #options: ThreadRetrierOptions
  readonly #since = Date.now()
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: ThreadRetrierOptions) {
    this.#options = options
  }

  start(): void {
    this.#schedule(this.#options.retryMs)
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
    const { loader, record, logger, onReady } = this.#options
    const { laneId } = record.state
    try {
      const outcome = await loader.retry(record.state)
      if (this.#stopped) return
      if (typeof outcome !== 'string') {
        // The summary first: whoever sees the event may ask for it.
        onReady(outcome)
        await record.append((state) => (state.readinessDeferred ? sessionReady(state, this.#facts(outcome)) : undefined))
        logger.info({ laneId, afterMs: Date.now() - this.#since }, 'thread ready')
        this.stop()
        return
      }
      await record.append((state) => (stillDeferred(state, outcome) ? sessionDeferred(state, outcome) : undefined))
    } catch (error) {
      // A process that is gone takes the session with it; being fenced is reported elsewhere; the rest passes.
      logger.warn({ laneId, code: BridgeError.from(error).code }, 'thread not ready yet')
    }
    this.#schedule(nextWait(waitMs))
  }

  #facts(loaded: LoadedThread): Parameters<typeof sessionReady>[1] {
    return { settings: loaded.settings, deferredMs: Date.now() - this.#since }
  }
}

const stillDeferred = (state: SessionState, reason: string): boolean => state.readinessDeferred && state.readinessReason !== reason
