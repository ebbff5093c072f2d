import { type Bus, JsonBucket, type Versioned } from '@codex-bridge/bus'
import { BridgeError, BUCKETS } from '@codex-bridge/contracts'
import { NO_STATUS, type SubscriptionRecord, type SubscriptionStatus } from './subscription-record.ts'

/** Another writer wins at most this often before the caller is told to come back. */
const MAX_CONTENTION = 20

const RECORD = 'sub.'
const STATUS = 'status.'

export type ChangeListener = (id: string) => void

/**
 * The subscriptions: in a bucket with compare-and-set, and in memory, kept current by a watch. A write is in this process's
 * memory before it is answered; other processes see it some milliseconds later.
 */
export class SubscriptionStore {
  /** The bucket itself, for the keys the leader writes beside the records. */
  readonly bucket: JsonBucket<unknown>
  readonly #records = new Map<string, Versioned<SubscriptionRecord>>()
  readonly #statuses = new Map<string, Versioned<SubscriptionStatus>>()
  /** Statuses of this process that may not be written yet; they win over what the watch brings. */
  readonly #fresh = new Map<string, () => SubscriptionStatus>()
  readonly #listeners = new Set<ChangeListener>()

  private constructor(bucket: JsonBucket<unknown>) {
    this.bucket = bucket
  }

  /** Opens the bucket, reads everything, and stays current until the signal fires. */
  static async open(bus: Bus, signal: AbortSignal): Promise<SubscriptionStore> {
    const store = new SubscriptionStore(await JsonBucket.open<unknown>(bus, BUCKETS.webhooks))
    let watch = new AbortController()
    const follow = async () => {
      watch.abort()
      watch = new AbortController()
      await store.bucket.watch(AbortSignal.any([signal, watch.signal]), (key, entry) => store.#apply(key, entry))
    }
    // A watch may have lost changes with its connection: a new one hands over everything that is there first.
    const refollow = () => void follow().catch(() => setTimeout(() => !signal.aborted && refollow(), 1000).unref())
    const off = bus.onReconnect(refollow)
    signal.addEventListener('abort', off, { once: true })
    await follow()
    return store
  }

  /** Every subscription that is not deleted, oldest first. */
  live(): SubscriptionRecord[] {
    return this.all()
      .filter((record) => record.deletedAt === null)
      .sort((left, right) => (left.createdAt + left.id < right.createdAt + right.id ? -1 : 1))
  }

  /** Deleted ones too, as long as they are remembered. */
  all(): SubscriptionRecord[] {
    return [...this.#records.values()].map(({ value }) => value)
  }

  /** As known in memory. */
  peek(id: string): SubscriptionRecord | undefined {
    return this.#records.get(id)?.value
  }

  /** As stored: for an answer that must not miss what another process has just written. */
  async get(id: string): Promise<SubscriptionRecord | undefined> {
    return (await this.#read(id))?.value
  }

  status(id: string): SubscriptionStatus {
    return this.#fresh.get(id)?.() ?? this.#statuses.get(id)?.value ?? NO_STATUS
  }

  /** Makes a status held elsewhere in this process the one that is shown; returns the way to end that. */
  overlay(id: string, status: () => SubscriptionStatus): () => void {
    this.#fresh.set(id, status)
    return () => this.#fresh.delete(id)
  }

  /** @returns the record that has the id: the given one, or the one that was there */
  async create(record: SubscriptionRecord): Promise<{ record: SubscriptionRecord; created: boolean }> {
    const revision = await this.bucket.create(RECORD + record.id, record)
    if (revision !== undefined) {
      this.#keep({ value: record, revision })
      return { record, created: true }
    }
    const existing = await this.#read(record.id)
    if (!existing) throw new BridgeError('conflict')
    return { record: existing.value, created: false }
  }

  /**
   * Reads, decides and writes, and once more when another writer was faster. `decide` returns undefined to change nothing
   * and throws to refuse.
   */
  async change(
    id: string,
    decide: (record: SubscriptionRecord | undefined) => SubscriptionRecord | undefined,
  ): Promise<SubscriptionRecord | undefined> {
    for (let round = 0; round < MAX_CONTENTION; round += 1) {
      const current = await this.#read(id)
      const next = decide(current?.value)
      if (!next || !current) return current?.value
      const revision = await this.bucket.update(RECORD + id, next, current.revision)
      if (revision !== undefined) {
        this.#keep({ value: next, revision })
        return next
      }
    }
    throw new BridgeError('conflict')
  }

  /** Forgets a deleted subscription for good, with everything kept beside it. */
  async forget(id: string): Promise<void> {
    await this.forgetStatus(id)
    await this.bucket.delete(RECORD + id)
    this.#drop(id)
  }

  async forgetStatus(id: string): Promise<void> {
    for (const key of [STATUS + id, ledgerKey(id)]) if (await this.bucket.get(key)) await this.bucket.delete(key)
    this.#statuses.delete(id)
  }

  /** Calls back with the id of every record that changed here or elsewhere; returns the way to stop that. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async #read(id: string): Promise<Versioned<SubscriptionRecord> | undefined> {
    return (await this.bucket.get(RECORD + id)) as Versioned<SubscriptionRecord> | undefined
  }

  #apply(key: string, entry: Versioned<unknown> | undefined): void {
    if (key.startsWith(RECORD)) {
      if (entry) this.#keep(entry as Versioned<SubscriptionRecord>)
      else this.#drop(key.slice(RECORD.length))
    } else if (key.startsWith(STATUS)) {
      if (entry) this.#statuses.set(key.slice(STATUS.length), entry as Versioned<SubscriptionStatus>)
      else this.#statuses.delete(key.slice(STATUS.length))
    }
  }

  #keep(entry: Versioned<SubscriptionRecord>): void {
    const known = this.#records.get(entry.value.id)
    // The watch reports this process's own writes too, and after a reconnect everything again.
    if (known && known.revision >= entry.revision) return
    this.#records.set(entry.value.id, entry)
    for (const listener of this.#listeners) listener(entry.value.id)
  }

  #drop(id: string): void {
    if (!this.#records.delete(id)) return
    for (const listener of this.#listeners) listener(id)
  }
}

export const statusKey = (id: string): string => STATUS + id

/** Where the attempts of jobs that wait for a retry are kept. */
export const ledgerKey = (id: string): string => `retry.${id}`
