import { type Bus, JsonBucket, type Versioned } from '@codex-bridge/bus'
import { BridgeError, BUCKETS } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import { type Static, Type } from 'typebox'
import { StoredRetries } from '../retries/retry-decider.ts'
import { BucketFollower } from './bucket-follower.ts'
import { NO_STATUS, SubscriptionRecord, SubscriptionStatus } from './subscription-record.ts'

/** After losing this many times to other writers the caller gets `conflict`. */
const MAX_CONTENTION = 20

const RECORD = 'sub.'
const STATUS = 'status.'

/** What the bucket stores, by the prefix of its key. */
export const StoredValue = Type.Union([SubscriptionRecord, SubscriptionStatus, StoredRetries])
export type StoredValue = Static<typeof StoredValue>

export type SubscriptionBucket = JsonBucket<StoredValue>

export type ChangeListener = (id: string) => void

/**
 * The subscriptions: in a bucket with compare-and-set, and in memory, kept current by a watch. A write is in this process's
 * memory before it is answered. Another process sees it some milliseconds later, or at once if it calls `catchUp`.
 */
export class SubscriptionStore {
  /** The bucket itself, for the keys the leader writes beside the records. */
  readonly bucket: SubscriptionBucket
  readonly #follower: BucketFollower<StoredValue>
  readonly #records = new Map<string, Versioned<SubscriptionRecord>>()
  readonly #statuses = new Map<string, SubscriptionStatus>()
  /** Statuses of this process that may not be written yet. They take precedence over the watch. */
  readonly #overlays = new Map<string, () => SubscriptionStatus>()
  readonly #listeners = new Set<ChangeListener>()

  private constructor(bus: Bus, bucket: SubscriptionBucket, logger: Logger) {
    this.bucket = bucket
    this.#follower = new BucketFollower(bus, bucket, logger, (key, entry) => this.#apply(key, entry))
  }

  /** Opens the bucket, reads everything, and stays current until the signal fires. */
  static async open(bus: Bus, logger: Logger, signal: AbortSignal): Promise<SubscriptionStore> {
    const store = new SubscriptionStore(bus, await JsonBucket.open(bus, BUCKETS.webhooks, StoredValue), logger)
    await store.#follower.start(signal)
    return store
  }

  /**
   * Resolves when memory has every change that was stored before the call, by whichever process.
   * @throws BridgeError `bus_unavailable`
   */
  catchUp(): Promise<void> {
    return this.#follower.catchUp()
  }

  /** Every subscription that is not deleted, oldest first. */
  live(): SubscriptionRecord[] {
    return this.all()
      .filter((record) => record.deletedAt === null)
      .sort((left, right) => (left.createdAt + left.id < right.createdAt + right.id ? -1 : 1))
  }

  /** Every subscription, including deleted ones that are still kept. */
  all(): SubscriptionRecord[] {
    return [...this.#records.values()].map(({ value }) => value)
  }

  /** From memory. */
  peek(id: string): SubscriptionRecord | undefined {
    return this.#records.get(id)?.value
  }

  /** From the bucket: includes what another process has just written. */
  async get(id: string): Promise<SubscriptionRecord | undefined> {
    return (await this.#read(id))?.value
  }

  /** The process that delivers knows its status at once, the others after its next write: it writes at most every 250 ms. */
  status(id: string): SubscriptionStatus {
    return this.#overlays.get(id)?.() ?? this.#statuses.get(id) ?? NO_STATUS
  }

  /** Shows a status that this process holds instead of the stored one. @returns a function that ends it */
  overlay(id: string, status: () => SubscriptionStatus): () => void {
    this.#overlays.set(id, status)
    return () => this.#overlays.delete(id)
  }

  /** @returns the record with this id: the given one, or the one that existed already */
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
   * Reads, decides and writes, and starts over if another writer was faster. `decide` returns undefined to change nothing and
   * throws to refuse.
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

  /** Removes a deleted subscription with everything stored beside it. */
  async forget(id: string): Promise<void> {
    await this.forgetStatus(id)
    await this.bucket.delete(RECORD + id)
    this.#drop(id)
  }

  async forgetStatus(id: string): Promise<void> {
    for (const key of [statusKey(id), retriesKey(id)]) if (await this.bucket.get(key)) await this.bucket.delete(key)
    this.#statuses.delete(id)
  }

  /** Calls back with the id of every record that changed, here or elsewhere. @returns a function that ends it */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async #read(id: string): Promise<Versioned<SubscriptionRecord> | undefined> {
    const entry = await this.bucket.get(RECORD + id)
    if (entry && !isRecord(entry)) throw new Error(`${RECORD}${id} is not a subscription`)
    return entry
  }

  #apply(key: string, entry: Versioned<StoredValue> | undefined): void {
    if (key.startsWith(RECORD)) {
      if (!entry) this.#drop(key.slice(RECORD.length))
      else if (isRecord(entry)) this.#keep(entry)
    } else if (key.startsWith(STATUS)) {
      if (!entry) this.#statuses.delete(key.slice(STATUS.length))
      else if ('failingSince' in entry.value) this.#statuses.set(key.slice(STATUS.length), entry.value)
    }
  }

  #keep(entry: Versioned<SubscriptionRecord>): void {
    const known = this.#records.get(entry.value.id)
    // The watch also reports this process's own writes, and everything again after a reconnect.
    if (known && known.revision >= entry.revision) return
    this.#records.set(entry.value.id, entry)
    for (const listener of this.#listeners) listener(entry.value.id)
  }

  #drop(id: string): void {
    if (!this.#records.delete(id)) return
    for (const listener of this.#listeners) listener(id)
  }
}

const isRecord = (entry: Versioned<StoredValue>): entry is Versioned<SubscriptionRecord> => 'url' in entry.value

export const statusKey = (id: string): string => STATUS + id

/** Key of the attempts made at jobs that wait for a retry. */
export const retriesKey = (id: string): string => `retry.${id}`
