import { BridgeError, misfit } from '@codex-bridge/contracts'
import type { KV, KvEntry } from 'nats'
import type { Static, TSchema } from 'typebox'
import { decodeJson, encodeJson } from '../connection/codec.ts'
import type { Connection } from '../connection/connection.ts'
import { isConflict, isNotFound } from '../connection/nats-errors.ts'

/** A stored value and the revision to write on top of. */
export type Versioned<T> = { value: T; revision: number }

/**
 * A key-value bucket of JSON values with compare-and-set. Every value read is checked against the schema. Buckets are created by the
 * topology step, never here.
 */
export class JsonBucket<T> {
  readonly #kv: KV
  readonly #connection: Connection
  readonly #schema: TSchema

  private constructor(connection: Connection, kv: KV, schema: TSchema) {
    this.#connection = connection
    this.#kv = kv
    this.#schema = schema
  }

  /** @throws BridgeError `bus_unavailable` when the bucket does not exist or nobody answers */
  static async open<S extends TSchema>(bus: Connection, bucket: string, schema: S): Promise<JsonBucket<Static<S>>> {
    try {
      const kv = await bus.js.views.kv(bucket, { bindOnly: true, timeout: bus.timeoutMs })
      // Binding alone sends no request: a missing bucket would look like an empty one.
      await kv.status()
      return new JsonBucket<Static<S>>(bus, kv, schema)
    } catch (cause) {
      throw new BridgeError('bus_unavailable', `Bucket ${bucket} does not answer`, { cause })
    }
  }

  /** @throws BridgeError `internal_error` for a value that does not fit the schema */
  async get(key: string): Promise<Versioned<T> | undefined> {
    const entry = await guarded(() => this.#kv.get(key))
    return entry ? this.#read(entry) : undefined
  }

  /** @returns the revision, or undefined when the key exists already */
  async create(key: string, value: T): Promise<number | undefined> {
    return await guarded(() => this.#kv.create(key, encodeJson(value)).catch(undefinedOnConflict))
  }

  /** @returns the new revision, or undefined when the key is at another revision */
  async update(key: string, value: T, revision: number): Promise<number | undefined> {
    return await guarded(() => this.#kv.update(key, encodeJson(value), revision).catch(undefinedOnConflict))
  }

  /** Writes regardless of the revision. */
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

  /** Every live key with its value. Values that do not fit the schema are reported and left out. */
  async entries(): Promise<Map<string, Versioned<T>>> {
    return await guarded(async () => {
      const keys: string[] = []
      for await (const key of await this.#kv.keys()) keys.push(key)
      const found = new Map<string, Versioned<T>>()
      for (const key of keys) {
        const entry = await this.#kv.get(key)
        const versioned = entry && this.#readOrReport(entry)
        if (versioned) found.set(key, versioned)
      }
      return found
    })
  }

  /**
   * Calls back with every present value, then with every change, until the signal fires. `undefined` is a deletion. Values that do not
   * fit the schema are reported and left out. The server does not report the expiry of a key, so a lost lease cannot be noticed here.
   * @param progressed called after every value and change with its revision
   * @returns a promise that resolves when the present values have been handed over
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
        const versioned = this.#readOrReport(entry)
        if (versioned || !present(entry)) changed(entry.key, versioned)
        progressed(entry.revision)
      }
    }
    void run()
    await promise
  }

  #read(entry: KvEntry): Versioned<T> | undefined {
    if (!present(entry)) return
    const value = decodeJson(entry.value)
    const problem = misfit(this.#schema, value)
    if (!problem) return { value: value as T, revision: entry.revision }
    const cause = new Error(`${entry.bucket} ${entry.key} does not fit: ${problem.path} ${problem.message}`)
    throw new BridgeError('internal_error', undefined, { cause })
  }

  #readOrReport(entry: KvEntry): Versioned<T> | undefined {
    try {
      return this.#read(entry)
    } catch (error) {
      this.#connection.report(String(error instanceof BridgeError ? error.cause : error))
      return
    }
  }
}

const present = (entry: KvEntry): boolean => entry.operation === 'PUT'

const undefinedOnConflict = (error: unknown): undefined => {
  // The library reports a conflict by the server's code or by a message of its own, depending on the call.
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
