import { type Aggregate, BridgeError, type BridgeEvent, type StoredEvent } from '@codex-bridge/contracts'
import { type AppendOptions, ConflictError, type EventLog } from './event-log.ts'

/** An event before it has an id and a time: what deciders return, together with the post-state it leads to. */
export type Draft<S> = Omit<StoredEvent, 'id' | 'ts' | 'state'> & { state: S }

/** Makes ids and reads the clock, so that everything else stays pure. */
export type Stamp = () => { id: string; ts: string }

/** The current version of an aggregate. `seq` 0 and no state: nothing was ever stored. */
export type Version<S> = { state: S | undefined; seq: number }

/** Another writer wins at most this often before the caller is told to come back. */
const MAX_CONTENTION = 20

/**
 * Reads and writes one kind of aggregate whose owner service may have several replicas: load, decide, append, and decide
 * again when another replica was faster.
 */
export class AggregateStore<S extends object> {
  readonly #log: EventLog
  readonly #aggregate: Aggregate
  readonly #stamp: Stamp

  constructor(log: EventLog, aggregate: Aggregate, stamp: Stamp) {
    this.#log = log
    this.#aggregate = aggregate
    this.#stamp = stamp
  }

  async load(laneId: string): Promise<Version<S>> {
    const last = await this.#log.last(laneId, this.#aggregate)
    return last ? { state: last.state as S, seq: last.seq } : { state: undefined, seq: 0 }
  }

  /** Appends one draft on top of a version that was read. @throws ConflictError */
  async append(draft: Draft<S>, expect: number, options?: AppendOptions): Promise<BridgeEvent> {
    const event: StoredEvent = { ...this.#stamp(), ...draft, state: draft.state as Record<string, unknown> }
    const seq = await this.#log.append(this.#aggregate, event, expect, options)
    return { seq, ...event }
  }

  /**
   * Load, decide, append; on a conflict once more with the new state. `decide` returns undefined to change nothing and
   * throws a BridgeError to refuse.
   * @param known the version as the caller last saw it, to begin with instead of loading: if it is old, the append is a conflict
   * @returns the event, if any, and the version it led to
   * @throws BridgeError `conflict` under lasting contention
   */
  async transact(
    laneId: string,
    decide: (version: Version<S>) => Draft<S> | undefined,
    options?: AppendOptions,
    known?: Version<S>,
  ): Promise<{ event: BridgeEvent | undefined; version: Version<S> }> {
    for (let round = 0; round < MAX_CONTENTION; round += 1) {
      const version = round === 0 && known ? known : await this.load(laneId)
      const draft = decide(version)
      if (!draft) return { event: undefined, version }
      try {
        const event = await this.append(draft, version.seq, options)
        return { event, version: { state: draft.state, seq: event.seq } }
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error
      }
    }
    throw new BridgeError('conflict', `${laneId} is being changed by many writers at once`)
  }
}

/**
 * One aggregate with a single owner at a time: keeps the state in memory and appends in order. The first conflict means
 * that another owner has taken over; from then on every append throws `fenced`.
 */
export class OwnedAggregate<S extends object> {
  readonly #store: AggregateStore<S>
  readonly #append: AppendOptions
  #version: Version<S>
  #tail: Promise<unknown> = Promise.resolve()
  #fenced = false
  #waiting = 0

  constructor(store: AggregateStore<S>, version: Version<S>, append: AppendOptions) {
    this.#store = store
    this.#version = version
    this.#append = append
  }

  get state(): S | undefined {
    return this.#version.state
  }

  get seq(): number {
    return this.#version.seq
  }

  get fenced(): boolean {
    return this.#fenced
  }

  /** Appends asked for and not yet stored. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * Decides on the state as it will be after every append before this one, then appends. Calls are carried out in the
   * order they were made. `decide` returns undefined to change nothing.
   * @throws BridgeError `fenced` once another owner has written
   */
  update(decide: (state: S | undefined) => Draft<S> | undefined): Promise<BridgeEvent | undefined> {
    this.#waiting += 1
    const run = this.#tail.then(async () => {
      if (this.#fenced) throw new BridgeError('fenced')
      const draft = decide(this.#version.state)
      if (!draft) return
      try {
        const event = await this.#store.append(draft, this.#version.seq, this.#append)
        this.#version = { state: draft.state, seq: event.seq }
        return event
      } catch (error) {
        // Unsure is fenced too: what the log holds now is not known, so nothing may be built on it.
        this.#fenced = true
        throw error instanceof ConflictError ? new BridgeError('fenced', error.message) : error
      }
    })
    this.#tail = run
      .catch(() => undefined)
      .finally(() => {
        this.#waiting -= 1
      })
    return run
  }

  /** Resolves when everything asked for so far is stored or has failed. */
  async settled(): Promise<void> {
    await this.#tail
  }
}
