import type { Bus, JsonBucket, Versioned } from '@codex-bridge/bus'
import { BridgeError } from '@codex-bridge/contracts'
import { SingleFlight } from '@codex-bridge/platform'
import type { Logger } from '@codex-bridge/service-kit'

/** Pause before a watch that could not be opened is tried again, in milliseconds. */
const RETRY_MS = 1000

/** How long `catchUp` waits for the watch, in milliseconds. Normally it takes a few. */
const CATCH_UP_MS = 5000

type Waiter = { revision: number; resolve: () => void }

/** Follows a bucket: hands over every present value and every change, and knows up to which revision that has happened. */
export class BucketFollower<T> {
  readonly #bus: Bus
  readonly #bucket: JsonBucket<T>
  readonly #logger: Logger
  readonly #apply: (key: string, entry: Versioned<T> | undefined) => void
  readonly #watching = new SingleFlight<'watch', void>()
  readonly #waiters = new Set<Waiter>()
  #signal: AbortSignal = AbortSignal.abort()
  #watch = new AbortController()
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
    const offReconnect = this.#bus.onReconnect(() => void this.#rewatch())
    signal.addEventListener('abort', offReconnect, { once: true })
    await this.#openWatch()
  }

  /**
   * Resolves when every change stored before the call has been handed over.
   * @throws BridgeError `bus_unavailable`
   */
  async catchUp(): Promise<void> {
    const revision = await this.#bucket.lastRevision()
    if (this.#revision >= revision) return
    let timer: NodeJS.Timeout | undefined
    const waiter: Waiter = { revision, resolve: () => undefined }
    const reached = new Promise<void>((resolve) => {
      waiter.resolve = resolve
    })
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new BridgeError('bus_unavailable', 'The watch of the subscriptions is behind')), CATCH_UP_MS)
    })
    this.#waiters.add(waiter)
    try {
      await Promise.race([reached, late])
    } catch (error) {
      void this.#rewatch()
      throw error
    } finally {
      clearTimeout(timer)
      this.#waiters.delete(waiter)
    }
  }

  #rewatch(): Promise<void> {
    return this.#watching.run('watch', () =>
      this.#openWatch().catch((err: unknown) => {
        this.#logger.warn({ err }, 'subscriptions not followed, retrying')
        setTimeout(() => !this.#signal.aborted && void this.#rewatch(), RETRY_MS).unref()
      }),
    )
  }

  async #openWatch(): Promise<void> {
    this.#watch.abort()
    this.#watch = new AbortController()
    // The newest revision may have no value any more. What the watch hands over first is at least this new.
    const revision = await this.#bucket.lastRevision()
    // A bucket that was replaced starts over.
    this.#revision = Math.min(this.#revision, revision)
    const signal = AbortSignal.any([this.#signal, this.#watch.signal])
    await this.#bucket.watch(signal, this.#apply, (seen) => this.#reached(seen))
    this.#reached(revision)
  }

  #reached(revision: number): void {
    if (revision <= this.#revision) return
    this.#revision = revision
    for (const waiter of this.#waiters) if (waiter.revision <= revision) waiter.resolve()
  }
}
