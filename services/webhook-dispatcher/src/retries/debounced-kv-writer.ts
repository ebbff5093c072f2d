import type { JsonBucket } from '@codex-bridge/bus'

/** Writes of one key are at least this far apart, in milliseconds. */
const WRITE_EVERY_MS = 250

/**
 * One key of a bucket that changes often and whose newest value is all that matters: a change is written at once when the
 * last write is long enough ago, else with the next one. A failed write is tried again.
 */
export class DebouncedKvWriter<T> {
  readonly #bucket: JsonBucket<T>
  readonly #key: string
  readonly #snapshot: () => T
  readonly #failed: (error: unknown) => void
  #dirty = false
  #lastWrite = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined

  constructor(bucket: JsonBucket<T>, key: string, snapshot: () => T, failed: (error: unknown) => void) {
    this.#bucket = bucket
    this.#key = key
    this.#snapshot = snapshot
    this.#failed = failed
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

  /** Writes what is not written yet and schedules nothing more: for the end. */
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
      await this.#bucket.put(this.#key, this.#snapshot())
    } catch (error) {
      this.#dirty = true
      this.#failed(error)
    }
  }
}
