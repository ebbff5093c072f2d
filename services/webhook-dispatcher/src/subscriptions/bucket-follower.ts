import type { Bus, JsonBucket, Versioned } from '@codex-bridge/bus'
import { BridgeError } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'

/** Pause before a watch that could not be opened is tried again, in milliseconds. */
const RETRY_MS = 1000

/** A watch that has not handed over all values after this time has failed, in milliseconds. */
const OPEN_MS = 10_000

/** How long `catchUp` waits for the watch before it opens a new one, in milliseconds. Normally it takes a few. */
const CATCH_UP_MS = 2000

type Waiter = { revision: number; done: (reached: boolean) => void }

/** Follows a bucket: hands over every present value and every change, and knows up to which revision that has happened. */
export class BucketFollower<T> {
  readonly #bus: Bus
  readonly #bucket: JsonBucket<T>
  readonly #logger: Logger
  readonly #apply: (key: string, entry: Versioned<T> | undefined) => void
  readonly #waiters = new Set<Waiter>()
  #signal: AbortSignal = AbortSignal.abort()
  #watch = new AbortController()
  #opening: Promise<void> | undefined
  #revision = 0

  constructor(bus: Bus, bucket: JsonBucket<T>, logger: Logger, apply: (key: string, entry: Versioned<T> | undefined) => void) {
    this.#bus = bus
    this.#bucket = bucket
    this.#logger = logger
    this.#apply = apply
  }

  /** Resolves when every present value has been handed over. Follows until the signal fires. */
  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal
    // A watch may have lost changes with its connection. A new one hands over every present value first.
    const offReconnect = this.#bus.onReconnect(() => this.#reopen())
    signal.addEventListener('abort', offReconnect, { once: true })
    await this.#open()
  }

  /**
   * Resolves when every change stored before the call has been handed over.
   * @throws BridgeError `bus_unavailable`
   */
  async catchUp(): Promise<void> {
    const revision = await this.#bucket.lastRevision()
    if (await this.#reaches(revision)) return
    // The watch may have ended without notice.
    if (!this.#opening) this.#reopen()
    if (await this.#reaches(revision)) return
    throw new BridgeError('bus_unavailable', 'The stored subscriptions cannot be followed')
  }

  /** Replaces the watch, and tries again until one is open. */
  #reopen(): void {
    if (this.#signal.aborted) return
    const opening = this.#open()
      .catch((err: unknown) => {
        if (this.#opening !== opening) return
        this.#logger.warn({ err }, 'subscriptions not followed, retrying')
        setTimeout(() => this.#reopen(), RETRY_MS).unref()
      })
      .finally(() => {
        if (this.#opening === opening) this.#opening = undefined
      })
    this.#opening = opening
  }

  async #open(): Promise<void> {
    this.#watch.abort()
    const watch = new AbortController()
    this.#watch = watch
    // The newest revision may have no value any more. The values handed over first are at least this new.
    const revision = await this.#bucket.lastRevision()
    if (watch.signal.aborted) return
    // A bucket that was replaced starts over.
    this.#revision = Math.min(this.#revision, revision)
    const signal = AbortSignal.any([this.#signal, watch.signal])
    const complete = this.#bucket.watch(signal, this.#apply, (seen) => this.#reached(seen))
    await unlessItTakes(OPEN_MS, complete)
    if (!watch.signal.aborted) this.#reached(revision)
  }

  #reached(revision: number): void {
    if (revision <= this.#revision) return
    this.#revision = revision
    for (const waiter of this.#waiters) if (waiter.revision <= revision) waiter.done(true)
  }

  /** @returns whether the revision is reached within `CATCH_UP_MS` */
  #reaches(revision: number): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#revision >= revision) {
        resolve(true)
        return
      }
      const done = (reached: boolean) => {
        clearTimeout(timer)
        this.#waiters.delete(waiter)
        resolve(reached)
      }
      const waiter: Waiter = { revision, done }
      const timer = setTimeout(done, CATCH_UP_MS, false)
      this.#waiters.add(waiter)
    })
  }
}

const unlessItTakes = async (ms: number, work: Promise<void>): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new BridgeError('bus_unavailable', `The watch is not open after ${ms} ms`)), ms)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
