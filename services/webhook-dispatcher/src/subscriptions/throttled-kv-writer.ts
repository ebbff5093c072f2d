import type { Logger } from '@codex-bridge/service-kit'
import type { StoredValue, SubscriptionBucket } from './subscription-store.ts'

/** Minimum time between two writes of one key, in milliseconds. */
const WRITE_EVERY_MS = 250

/**
 * Stores the newest value of one key that changes often. A change is written at once if the last write is long enough ago,
 * otherwise together with later changes. A failed write is tried again.
 */
export class ThrottledKvWriter {
  readonly #bucket: SubscriptionBucket
  readonly #key: string
  readonly #current: () => StoredValue
  readonly #logger: Logger
  #dirty = false
  #lastWrite = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined

  /** @param current reads the value to write, at the moment of the write */
  constructor(bucket: SubscriptionBucket, key: string, current: () => StoredValue, logger: Logger) {
    this.#bucket = bucket
    this.#key = key
    this.#current = current
    this.#logger = logger
  }

  /** The value has changed. */
  changed(): void {
    this.#dirty = true
    if (this.#timer || this.#writing) return
    const wait = Math.max(0, this.#lastWrite + WRITE_EVERY_MS - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#write()
    }, wait)
  }

  /** Writes the last change, tries once, and schedules nothing more. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#writing
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#dirty) await this.#put()
  }

  #write(): Promise<void> {
    this.#writing = this.#put().finally(() => {
      this.#writing = undefined
      if (this.#dirty) this.changed()
    })
    return this.#writing
  }

  async #put(): Promise<void> {
    this.#dirty = false
    this.#lastWrite = performance.now()
    try {
      await this.#bucket.put(this.#key, this.#current())
    } catch (err) {
      this.#dirty = true
      this.#logger.warn({ err, key: this.#key }, 'value not stored, retrying')
    }
  }
}
