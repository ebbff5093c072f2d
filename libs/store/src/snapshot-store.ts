import { BridgeError, guard, Lane, Session } from '@codex-bridge/contracts'
import { BoundedMap } from '@codex-bridge/platform'
import type { Redis } from 'ioredis'
import { guarded } from './connection.ts'
import { keys } from './keys.ts'

/** What is stored of a lane: ready JSON texts, so that a read is one lookup and no serialisation. */
export type Snapshot = {
  laneId: string
  /** Grows with every event that is in it: an older snapshot never replaces a newer one. */
  seq: number
  /** Sorts the index; the lane's creation time. */
  createdAt: string
  lane: string
  session: string | null
}

export type Page = { texts: string[]; nextCursor: string | null }

export type PageQuery = {
  limit: number
  cursor?: string | undefined
  /** Narrows the list; called with the JSON text of a lane. */
  accepts?: (text: string) => boolean
}

/** Writes a snapshot unless a newer one is there: replays and late writers are harmless. Returns 1 when written. */
const WRITE_IF_NEWER = `
local seq = tonumber(redis.call('HGET', KEYS[1], 'seq') or '-1')
if tonumber(ARGV[1]) < seq then return 0 end
redis.call('HSET', KEYS[1], 'seq', ARGV[1], 'lane', ARGV[2], 'session', ARGV[3], 'member', ARGV[4])
return 1`

/** Takes a snapshot out in one step, so that one written right behind it stays. Returns its place in the index. */
const TAKE_OUT = `
local member = redis.call('HGET', KEYS[1], 'member')
redis.call('DEL', KEYS[1])
return member`

/** Moves the checkpoint only from where its writer left it: not in a Redis that was emptied, or that another writer took over. */
const ADVANCE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1`

/** One field of many lanes in one command: a command each costs the reading service several times what Redis takes. */
const READ_FIELD = `
local found = {}
for index, key in ipairs(KEYS) do found[index] = redis.call('HGET', key, ARGV[1]) end
return found`

/** Lanes per round trip at most: a script holds up everybody else's commands while it runs. */
const BATCH = 256

type WithScript = Redis & {
  writeSnapshot(key: string, seq: number, lane: string, session: string, member: string): Promise<number>
  takeOutSnapshot(key: string): Promise<string | null>
  moveCheckpoint(key: string, from: string, to: string): Promise<number>
  readField(count: number, ...keysAndField: string[]): Promise<(string | null)[]>
}

/** A snapshot is not in the form of this version: Redis was written by another version of the bridge, or by somebody else. */
export class InvalidSnapshotError extends Error {
  constructor(laneId: string) {
    super(`Redis has a snapshot of ${laneId} in another form`)
    this.name = 'InvalidSnapshotError'
  }
}

const IS_VALID = { lane: guard(Lane), session: guard(Session) }

/** Texts found valid are remembered, because lists read the same ones again and again. */
const REMEMBERED = 2048

const CURSOR = /^[0-9TZ:.-]{10,40}\|[A-Za-z0-9_-]{1,64}$/

/** A lane's place in the list: sorts by creation time, then by id. Also the cursor behind it. */
export const memberOf = ({ createdAt, laneId }: { createdAt: string; laneId: string }): string => `${createdAt}|${laneId}`

/** @throws BridgeError `invalid_cursor` */
export const parseCursor = (cursor: string): string => {
  if (!CURSOR.test(cursor)) throw new BridgeError('invalid_cursor')
  return cursor
}

/** The read model of lanes and sessions in Redis. Only the projector writes it. */
export class SnapshotStore {
  readonly #redis: WithScript
  readonly #valid = new BoundedMap<string, string>(REMEMBERED)

  constructor(redis: Redis) {
    redis.defineCommand('writeSnapshot', { numberOfKeys: 1, lua: WRITE_IF_NEWER })
    redis.defineCommand('takeOutSnapshot', { numberOfKeys: 1, lua: TAKE_OUT })
    redis.defineCommand('moveCheckpoint', { numberOfKeys: 1, lua: ADVANCE })
    redis.defineCommand('readField', { lua: READ_FIELD, readOnly: true })
    this.#redis = redis as WithScript
  }

  /** True while commands can be sent. */
  get ready(): boolean {
    return this.#redis.status === 'ready'
  }

  /** Stores a snapshot unless a newer one is there. */
  async write(snapshot: Snapshot): Promise<void> {
    const member = memberOf(snapshot)
    await guarded(async () => {
      const written = this.#redis.writeSnapshot(keys.lane(snapshot.laneId), snapshot.seq, snapshot.lane, snapshot.session ?? '', member)
      const indexed = this.#redis.zadd(keys.index, 0, member)
      await Promise.all([written, indexed])
    })
  }

  /** Takes a deleted lane out. */
  async remove(laneId: string): Promise<void> {
    await guarded(async () => {
      const member = await this.#redis.takeOutSnapshot(keys.lane(laneId))
      if (member !== null) await this.#redis.zrem(keys.index, member)
    })
  }

  /** Sets the checkpoint, whatever it was. */
  async reset(checkpoint: number): Promise<void> {
    await guarded(() => this.#redis.set(keys.checkpoint, String(checkpoint)))
  }

  /**
   * Moves the checkpoint. Call it behind the writes it vouches for: commands of a connection are carried out in order.
   * @returns false when the checkpoint is not where the caller left it: Redis was emptied, or somebody else writes it
   */
  async advance(from: number, to: number): Promise<boolean> {
    return (await guarded(() => this.#redis.moveCheckpoint(keys.checkpoint, String(from), String(to)))) === 1
  }

  /** Up to where the log is reflected here; undefined when Redis is empty. */
  async checkpoint(): Promise<number | undefined> {
    const text = await guarded(() => this.#redis.get(keys.checkpoint))
    return text === null ? undefined : Number(text)
  }

  /** Forgets everything: what is here belongs to another event log. */
  async clear(): Promise<void> {
    await this.prune(() => false)
    await guarded(() => this.#redis.del(keys.index, keys.checkpoint))
  }

  /**
   * Removes every lane that is not kept: what a lost deletion left behind. `keeps` is asked right before each removal, so a
   * lane that was made meanwhile stays.
   */
  async prune(keeps: (laneId: string) => boolean): Promise<void> {
    await guarded(async () => {
      const members = await this.#redis.zrange(keys.index, '0', '-1')
      const current = await Promise.all(members.map((member) => this.#redis.hget(keys.lane(laneIdOf(member)), 'member')))
      for (const [index, member] of members.entries()) {
        const laneId = laneIdOf(member)
        if (!keeps(laneId)) await Promise.all([this.#redis.del(keys.lane(laneId)), this.#redis.zrem(keys.index, member)])
        // A lane made anew under an old id has another place than its predecessor.
        else if (current[index] !== member) await this.#redis.zrem(keys.index, member)
      }
    })
  }

  /** JSON text of a lane, undefined where there is none. */
  async lane(laneId: string): Promise<string | undefined> {
    return (await guarded(() => this.#redis.hget(keys.lane(laneId), 'lane'))) ?? undefined
  }

  /** JSON text of a lane's session, undefined where there is no lane or it never had a session. */
  async session(laneId: string): Promise<string | undefined> {
    return (await guarded(() => this.#redis.hget(keys.lane(laneId), 'session'))) || undefined
  }

  /**
   * Newest lanes first. The order is by creation time and id, so pages stay stable while lanes change.
   * @throws BridgeError `invalid_cursor`; InvalidSnapshotError
   */
  async lanes(query: PageQuery): Promise<Page> {
    const texts: string[] = []
    // One more than asked for tells that there is a next page. What a filter takes out is not known before.
    const batch = query.accepts ? BATCH : Math.min(BATCH, query.limit + 1)
    let from = query.cursor === undefined ? '+' : `(${parseCursor(query.cursor)}`
    for (;;) {
      const members = await guarded(() => this.#redis.zrange(keys.index, from, '-', 'BYLEX', 'REV', 'LIMIT', 0, batch))
      const found = await this.#fieldOf(members, 'lane')
      for (const [index, text] of found.entries()) {
        if (text === null || (query.accepts && !query.accepts(text))) continue
        // The next page starts after the last lane shown.
        if (texts.length === query.limit) return { texts, nextCursor: memberBefore(members, index, from) }
        texts.push(text)
      }
      const last = members.at(-1)
      if (members.length < batch || last === undefined) return { texts, nextCursor: null }
      from = `(${last}`
    }
  }

  /** JSON texts of every session. */
  async sessions(): Promise<string[]> {
    const members = await guarded(() => this.#redis.zrange(keys.index, '+', '-', 'BYLEX', 'REV'))
    const texts: string[] = []
    for (let from = 0; from < members.length; from += BATCH) {
      for (const text of await this.#fieldOf(members.slice(from, from + BATCH), 'session')) if (text) texts.push(text)
    }
    return texts
  }

  /** A lane that never had a session has an empty text for it. */
  #assertValid(laneId: string, field: 'lane' | 'session', text: string | null | undefined): void {
    if (!text) return
    const key = `${field} ${laneId}`
    if (this.#valid.get(key) === text) return
    if (!IS_VALID[field](parsed(text))) throw new InvalidSnapshotError(laneId)
    this.#valid.set(key, text)
  }

  /** A field of each lane, null where it was taken out meanwhile. @throws InvalidSnapshotError */
  async #fieldOf(members: string[], field: 'lane' | 'session'): Promise<(string | null)[]> {
    if (members.length === 0) return []
    const wanted = members.map((member) => keys.lane(laneIdOf(member)))
    const texts = await guarded(() => this.#redis.readField(wanted.length, ...wanted, field))
    for (const [index, member] of members.entries()) this.#assertValid(laneIdOf(member), field, texts[index])
    return texts
  }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const laneIdOf = (member: string): string => member.slice(member.indexOf('|') + 1)

const memberBefore = (members: string[], index: number, from: string): string => members[index - 1] ?? from.slice(1)
