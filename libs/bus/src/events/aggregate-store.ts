import { type Aggregate, BridgeError, type Draft, type EventOf, type StateOf } from '@codex-bridge/contracts'
import { SerialQueue } from '@codex-bridge/platform'
import { type AppendOptions, ConflictError, type EventLog } from './event-log.ts'

/** Makes ids and reads the clock, so that everything else stays pure. */
export type Stamp = () => { id: string; ts: string }

/** The current version of an aggregate. `seq` 0 and no state: nothing was ever stored. */
export type Version<S> = { state: S | undefined; seq: number }

/** Another writer wins at most this often before the caller is told to come back. */
const MAX_CONTENTION = 20

/**
 * Reads and writes the aggregates of one kind, whose owner service may have several replicas: load, decide, append, and decide
 * again when another replica was faster.
 */
export class AggregateStore<A extends Aggregate> {
  readonly #log: EventLog
  readonly #aggregate: A
  readonly #stamp: Stamp

  constructor(log: EventLog, aggregate: A, stamp: Stamp) {
    this.#log = log
    this.#aggregate = aggregate
    this.#stamp = stamp
  }

  async load(laneId: string): Promise<Version<StateOf<A>>> {
    const last = await this.#log.last(laneId, this.#aggregate)
    return last ? { state: last.state, seq: last.seq } : { state: undefined, seq: 0 }
  }

  /** Appends one draft on top of a version that was read. @throws ConflictError */
  async append(draft: Draft<A>, expect: number, options?: AppendOptions): Promise<EventOf<A>> {
    const event = { ...this.#stamp(), ...draft }
    const seq = await this.#log.append(this.#aggregate, event, expect, options)
    // A draft with id, time and sequence is an event of its type; the compiler does not distribute that over the union.
    return { seq, ...event } as unknown as EventOf<A>
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
    decide: (version: Version<StateOf<A>>) => Draft<A> | undefined,
    options?: AppendOptions,
    known?: Version<StateOf<A>>,
  ): Promise<{ event: EventOf<A> | undefined; version: Version<StateOf<A>> }> {
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
export class OwnedAggregate<A extends Aggregate> {
  readonly #store: AggregateStore<A>
  readonly #append: AppendOptions
  #version: Version<StateOf<A>>
  readonly #queue = new SerialQueue()
  #fenced = false

  constructor(store: AggregateStore<A>, version: Version<StateOf<A>>, append: AppendOptions) {
    this.#store = store
    this.#version = version
    this.#append = append
  }

  get state(): StateOf<A> | undefined {
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
    return this.#queue.waiting
  }

  /**
   * Decides on the state as it will be after every append before this one, then appends. Calls are carried out in the
   * order they were made. `decide` returns undefined to change nothing.
   * @throws BridgeError `fenced` once another owner has written
   */
  update(decide: (state: StateOf<A> | undefined) => Draft<A> | undefined): Promise<EventOf<A> | undefined> {
    return this.#queue.run(async () => {
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
  }

  /** Resolves when everything asked for so far is stored or has failed. */
  settled(): Promise<void> {
    return this.#queue.settled()
  }
}
