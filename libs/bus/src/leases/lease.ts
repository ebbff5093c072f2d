import { BUCKETS, Nullable } from '@codex-bridge/contracts'
import { type Static, Type } from 'typebox'
import type { Bus } from '../bus.ts'
import { JsonBucket } from '../storage/json-bucket.ts'

/** Life of a lease that is not renewed, and how often its holder renews it, in milliseconds. The bucket has the same TTL. */
export const LEASE_TTL_MS = 15_000
const RENEW_EVERY_MS = 5000

/**
 * Who holds a lease. `id` is stable over restarts, `instance` is not; host, pid and start time let a successor prove that
 * the holder is dead instead of waiting out the lease.
 */
export const LeaseHolder = Type.Object({
  id: Type.String(),
  instance: Type.String(),
  host: Type.String(),
  pid: Type.Integer(),
  startTime: Nullable(Type.Integer()),
})
export type LeaseHolder = Static<typeof LeaseHolder>

/** `held`: renewed in time. `unsure`: the bus has not confirmed for half a life. `lost`: someone else has it, or it was released. */
type LeaseState = 'held' | 'unsure' | 'lost'

export type Lease = {
  readonly key: string
  /** Grows with every acquisition of the key. The event log does the fencing; this number names the incarnation. */
  readonly epoch: number
  readonly state: () => LeaseState
  /** Gives it up, so that a successor need not wait. */
  release(): Promise<void>
}

/** Leases in a bucket whose keys expire. They schedule who should act; they never prove that nobody else does. */
export class LeaseTable {
  readonly #bucket: JsonBucket<LeaseHolder>
  readonly #bus: Bus
  readonly #holder: LeaseHolder
  readonly #isDead: (holder: LeaseHolder) => boolean

  private constructor(bus: Bus, bucket: JsonBucket<LeaseHolder>, holder: LeaseHolder, isDead: (holder: LeaseHolder) => boolean) {
    this.#bus = bus
    this.#bucket = bucket
    this.#holder = holder
    this.#isDead = isDead
  }

  /** @param isDead proof that a holder's process is gone; must be false whenever that is not certain */
  static async open(bus: Bus, holder: LeaseHolder, isDead: (holder: LeaseHolder) => boolean): Promise<LeaseTable> {
    return new LeaseTable(bus, await JsonBucket.open(bus, BUCKETS.leases, LeaseHolder), holder, isDead)
  }

  /** Who holds a key now. */
  async holder(key: string): Promise<LeaseHolder | undefined> {
    return (await this.#bucket.get(key))?.value
  }

  /** Every live lease whose key starts with a prefix, by the rest of its key. */
  async holders(prefix: string): Promise<Map<string, LeaseHolder>> {
    const found = new Map<string, LeaseHolder>()
    for (const [key, entry] of await this.#bucket.entries()) {
      if (key.startsWith(prefix)) found.set(key.slice(prefix.length), entry.value)
    }
    return found
  }

  /** Whether a holder is provably gone, by this table's proof. */
  isDead(holder: LeaseHolder): boolean {
    return this.#isDead(holder)
  }

  /**
   * Takes the key when it is free, expired, or held by a process that is provably dead.
   * @param onLost called once when the lease is found to be someone else's
   * @returns undefined when somebody living holds it
   */
  async acquire(key: string, onLost: () => void): Promise<Lease | undefined> {
    let epoch = await this.#bucket.create(key, this.#holder)
    if (epoch === undefined) {
      const current = await this.#bucket.get(key)
      if (current && !this.#isDead(current.value)) return
      epoch = current ? await this.#bucket.update(key, this.#holder, current.revision) : await this.#bucket.create(key, this.#holder)
    }
    return epoch === undefined ? undefined : this.#keep(key, epoch, onLost)
  }

  #keep(key: string, epoch: number, onLost: () => void): Lease {
    let revision = epoch
    let confirmedAt = performance.now()
    let ended = false
    let renewing = false
    const end = () => {
      ended = true
      clearInterval(timer)
      offReconnect()
    }
    const renew = async () => {
      if (ended || renewing) return
      renewing = true
      try {
        // After an outage the key may have expired untouched: creating it again continues the same incarnation.
        const next = (await this.#bucket.update(key, this.#holder, revision)) ?? (await this.#reclaim(key))
        if (ended) return
        if (next === undefined) {
          end()
          onLost()
        } else {
          revision = next
          confirmedAt = performance.now()
        }
      } catch {
        // No answer: stays as it is and turns unsure by the clock; the next tick tries again.
      } finally {
        renewing = false
      }
    }
    const timer = setInterval(renew, RENEW_EVERY_MS)
    const offReconnect = this.#bus.onReconnect(() => void renew())
    return {
      key,
      epoch,
      state: () => {
        if (ended) return 'lost'
        return performance.now() - confirmedAt > LEASE_TTL_MS / 2 ? 'unsure' : 'held'
      },
      release: async () => {
        if (ended) return
        end()
        const current = await this.#bucket.get(key).catch(() => undefined)
        if (current?.value.instance === this.#holder.instance) await this.#bucket.delete(key).catch(() => undefined)
      },
    }
  }

  /** The key under this holder's own name again, if it is free or an update of ours was stored without our hearing of it. */
  async #reclaim(key: string): Promise<number | undefined> {
    const current = await this.#bucket.get(key)
    if (!current) return await this.#bucket.create(key, this.#holder)
    return current.value.instance === this.#holder.instance ? await this.#bucket.update(key, this.#holder, current.revision) : undefined
  }
}
