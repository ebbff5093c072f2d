import type { LaneSession } from './lane-session.ts'

/** The live sessions of a runner, by lane. */
export class HeldSessions {
  readonly #held = new Map<string, LaneSession>()

  get size(): number {
    return this.#held.size
  }

  get(laneId: string): LaneSession | undefined {
    return this.#held.get(laneId)
  }

  all(): LaneSession[] {
    return [...this.#held.values()]
  }

  add(session: LaneSession): void {
    this.#held.set(session.laneId, session)
  }

  /** Removes exactly this session: its lane may have another one by now. */
  remove(session: LaneSession): void {
    if (this.#held.get(session.laneId) === session) this.#held.delete(session.laneId)
  }

  /** Threads that processes of this runner certainly have loaded. */
  loadedThreads(): string[] {
    return this.all().flatMap(({ loadedThreadId }) => loadedThreadId ?? [])
  }
}
