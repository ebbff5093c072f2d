import { type Stall, TurnWatchdog, type WatchdogLimits } from './turn-watchdog.ts'

type Params = Record<string, unknown>
type Item = { id?: unknown; type?: unknown; tool?: unknown; receiverThreadIds?: unknown }

/**
 * One watchdog per thread with a running turn: the lane's own and its sub-agents'. What another thread does, or asks a person,
 * counts for a turn only while that turn waits for it: a busy or asking sub-agent must not cover for a parent that hangs.
 */
export class TurnWatchdogs {
  readonly #limits: WatchdogLimits
  readonly #onStall: (threadId: string, stall: Stall) => void
  readonly #dogs = new Map<string, TurnWatchdog>()
  /** Threads that each thread waits for, by the item that says so. */
  readonly #waits = new Map<string, Map<string, readonly string[]>>()
  #asking: ReadonlySet<string> = new Set()

  constructor(limits: WatchdogLimits, onStall: (threadId: string, stall: Stall) => void) {
    this.#limits = limits
    this.#onStall = onStall
  }

  /** A turn begins on a thread. */
  begin(threadId: string): void {
    this.end(threadId)
    const dog = new TurnWatchdog(this.#limits, (stall) => this.#onStall(threadId, stall))
    this.#dogs.set(threadId, dog)
    dog.waitingForPerson(this.#asksFor(threadId))
    dog.arm()
  }

  /** The turn of a thread is over. */
  end(threadId: string): void {
    this.#dogs.get(threadId)?.disarm()
    this.#dogs.delete(threadId)
    this.#waits.delete(threadId)
  }

  endAll(): void {
    for (const threadId of [...this.#dogs.keys()]) this.end(threadId)
  }

  /** A notification: a sign of life of its thread, and of whoever waits for that; one without a thread, of all. */
  noticed(method: string, params: Params): void {
    const { threadId } = params
    const retrying = method === 'error' && params['willRetry'] === true
    for (const [watched, dog] of this.#dogs) {
      if (typeof threadId === 'string' && !this.#reach(watched).has(threadId)) continue
      if (retrying) dog.retrying()
      else dog.progress()
    }
    if (typeof threadId === 'string' && this.#noteWait(method, threadId, params['item'] as Item | undefined)) this.#report()
  }

  /** Threads that have a question open for a person. */
  asking(threadIds: ReadonlySet<string>): void {
    this.#asking = threadIds
    this.#report()
  }

  #noteWait(method: string, threadId: string, item: Item | undefined): boolean {
    if (item?.type !== 'collabAgentToolCall' || item.tool !== 'wait' || typeof item.id !== 'string') return false
    const waits = this.#waits.get(threadId) ?? new Map<string, readonly string[]>()
    if (method === 'item/started' && Array.isArray(item.receiverThreadIds)) waits.set(item.id, item.receiverThreadIds.map(String))
    else if (method === 'item/completed') waits.delete(item.id)
    this.#waits.set(threadId, waits)
    return true
  }

  /** A thread and all it waits for, directly or through others. */
  #reach(threadId: string): Set<string> {
    const reached = new Set([threadId])
    for (const each of reached) for (const awaited of this.#waits.get(each)?.values() ?? []) for (const id of awaited) reached.add(id)
    return reached
  }

  #asksFor(threadId: string): boolean {
    return [...this.#reach(threadId)].some((each) => this.#asking.has(each))
  }

  #report(): void {
    for (const [threadId, dog] of this.#dogs) dog.waitingForPerson(this.#asksFor(threadId))
  }
}
