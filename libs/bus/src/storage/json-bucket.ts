import { BridgeError } from '@codex-bridge/contracts'
import type { KV, KvEntry } from 'nats'
import type { Bus } from '../bus.ts'
import { decodeJson, encodeJson } from '../connection/codec.ts'
import { isConflict, isNotFound } from '../connection/nats-errors.ts'

/** A stored value and the revision to write on top of. */
export type Versioned<T> = { value: T; revision: number }

/** A key-value bucket of JSON values with compare-and-set. Buckets are made by the topology step, never here. */
export class JsonBucket<T> {
  readonly #kv: KV

  private constructor(kv: KV) {
    this.#kv = kv
  }

  /** @throws BridgeError `bus_unavailable` when the bucket does not exist or nobody answers */
  static async open<T>(bus: Bus, bucket: string): Promise<JsonBucket<T>> {
    try {
      const kv = await bus.js.views.kv(bucket, { bindOnly: true, timeout: bus.timeoutMs })
      // Binding alone asks nobody: a bucket that is not there would show as an empty one.
      await kv.status()
      return new JsonBucket<T>(kv)
    } catch (cause) {
      throw new BridgeError('bus_unavailable', `Bucket ${bucket} does not answer`, { cause })
    }
  }

  async get(key: string): Promise<Versioned<T> | undefined> {
    const entry = await guarded(() => this.#kv.get(key))
    return entry && present(entry) ? { value: decodeJson(entry.value) as T, revision: entry.revision } : undefined
  }

  /** @returns the revision, or undefined when the key exists already */
  async create(key: string, value: T): Promise<number | undefined> {
    return await guarded(() => this.#kv.create(key, encodeJson(value)).catch(undefinedOnConflict))
  }

  /** @returns the new revision, or undefined when the key is at another revision */
  async update(key: string, value: T, revision: number): Promise<number | undefined> {
    return await guarded(() => this.#kv.update(key, encodeJson(value), revision).catch(undefinedOnConflict))
  }

  /** Writes whatever is there. */
  async put(key: string, value: T): Promise<number> {
    return await guarded(() => this.#kv.put(key, encodeJson(value)))
  }

  async delete(key: string): Promise<void> {
    await guarded(() => this.#kv.delete(key))
  }

  /** Revision of the newest change of any key, deletions included; 0 for a bucket that was never written. */
  async lastRevision(): Promise<number> {
    return await guarded(async () => (await this.#kv.status()).streamInfo.state.last_seq)
  }

  /** Every live key with its value. */
  async entries(): Promise<Map<string, Versioned<T>>> {
    return await guarded(async () => {
      const keys: string[] = []
      for await (const key of await this.#kv.keys()) keys.push(key)
      const found = new Map<string, Versioned<T>>()
      for (const key of keys) {
        const versioned = await this.get(key)
        if (versioned) found.set(key, versioned)
      }
      return found
    })
  }

  /**
   * Calls back with every present value, then with every change, until the signal fires. `undefined` is a deletion.
   * Expiry of a key is not reported by the server: never learn of a lost lease this way.
   * @param progressed called after every value and change with its revision
   * @returns a promise for the moment when the present values have been handed over
   */
  async watch(
    signal: AbortSignal,
    changed: (key: string, entry: Versioned<T> | undefined) => void,
    progressed: (revision: number) => void = () => undefined,
  ): Promise<void> {
    let resolve: () => void = () => undefined
    const promise = new Promise<void>((done) => {
      resolve = done
    })
    const watcher = await guarded(() => this.#kv.watch({ initializedFn: resolve }))
    signal.addEventListener('abort', () => watcher.stop(), { once: true })
    const run = async () => {
      for await (const entry of watcher) {
        changed(entry.key, present(entry) ? { value: decodeJson(entry.value) as T, revision: entry.revision } : undefined)
        progressed(entry.revision)
      }
    }
    void run()
    await promise
  }
}

const present = (entry: KvEntry): boolean => entry.operation === 'PUT'

const undefinedOnConflict = (error: unknown): undefined => {
  // The library reports a taken key by the server's conflict code or by its own words, depending on the path it took.
  if (isConflict(error) || /wrong last sequence/.test(String(error))) return
  throw error
}

const guarded = async <R>(call: () => Promise<R>): Promise<R> => {
  try {
    return await call()
  } catch (cause) {
    if (isNotFound(cause)) return undefined as R
    if (cause instanceof BridgeError) throw cause
    throw new BridgeError('bus_unavailable', 'The key-value store does not answer', { cause })
  }
}
