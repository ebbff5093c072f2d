import type { CodexNotification, ThreadItem } from '@codex-bridge/codex-client'
import { type Stall, TurnWatchdog, type WatchdogLimits } from './turn-watchdog.ts'

/**
 * One watchdog per thread with a running turn: the lane's own and its sub-agents'. What another thread does, or asks a person, counts
 * for a turn only while that turn waits for it: a busy or asking sub-agent must not hide a parent that hangs.
 */
export class TurnWatchdogs {
  readonly #limits: WatchdogLimits
  #onStall: (threadId: string, stall: Stall) => void = () => undefined
  readonly #watchdogs = new Map<string, TurnWatchdog>()
  /** Threads that each thread waits for, by the item that says so. */
  readonly #waits = new Map<string, Map<string, readonly string[]>>()
  #asking: ReadonlySet<string> = new Set()

  constructor(limits: WatchdogLimits) {
    this.#limits = limits
  }

  /** Sets what is called when a turn stalls. */
  onStall(listener: (threadId: string, stall: Stall) => void): void {
    this.#onStall = listener
  }

  /** A turn begins on a thread. */
  begin(threadId: string): void {
    this.end(threadId)
    const watchdog = new TurnWatchdog(this.#limits, (stall) => this.#onStall(threadId, stall))
    this.#watchdogs.set(threadId, watchdog)
    watchdog.waitingForPerson(this.#waitsForPerson(threadId))
    watchdog.arm()
  }

  /** The turn of a thread is over. */
  end(threadId: string): void {
    this.#watchdogs.get(threadId)?.disarm()
    this.#watchdogs.delete(threadId)
    this.#waits.delete(threadId)
  }

  endAll(): void {
    for (const threadId of [...this.#watchdogs.keys()]) this.end(threadId)
  }

  /**
   * A notification: a sign of life of its thread and of the threads that wait for it.
   * @param threadId null for a notification about no thread, which is a sign of life of all
   * @param notification undefined for one that the bridge does not read
   */
  noticed(threadId: string | null, notification?: CodexNotification): void {
    const retrying = notification?.method === 'error' && notification.params.willRetry === true
    for (const [watched, watchdog] of this.#watchdogs) {
      if (threadId !== null && !this.#reach(watched).has(threadId)) continue
      if (retrying) watchdog.retrying()
      else watchdog.progress()
    }
    if (notification?.method === 'item/started') this.#beginWait(notification.params)
    if (notification?.method === 'item/completed') this.#endWait(notification.params)
  }

  /** Threads that have a request open for a person. */
  asking(threadIds: ReadonlySet<string>): void {
    this.#asking = threadIds
    this.#tellWaiting()
  }

  #beginWait({ threadId, item }: { threadId: string; item: ThreadItem }): void {
    if (!isWait(item) || !Array.isArray(item.receiverThreadIds)) return
    const waits = this.#waits.get(threadId) ?? new Map<string, readonly string[]>()
    this.#waits.set(threadId, waits.set(item.id, item.receiverThreadIds.map(String)))
    this.#tellWaiting()
  }

  #endWait({ threadId, item }: { threadId: string; item: ThreadItem }): void {
    if (this.#waits.get(threadId)?.delete(item.id)) this.#tellWaiting()
  }

  /** A thread and all it waits for, directly or through others. */
  #reach(threadId: string): Set<string> {
    const reached = new Set([threadId])
    for (const each of reached) for (const awaited of this.#waits.get(each)?.values() ?? []) for (const id of awaited) reached.add(id)
    return reached
  }

  #waitsForPerson(threadId: string): boolean {
    return [...this.#reach(threadId)].some((each) => this.#asking.has(each))
  }

  #tellWaiting(): void {
    for (const [threadId, watchdog] of this.#watchdogs) watchdog.waitingForPerson(this.#waitsForPerson(threadId))
  }
}

type Wait = Extract<ThreadItem, { type: 'collabAgentToolCall' }>

const isWait = (item: ThreadItem): item is Wait => item.type === 'collabAgentToolCall' && item.tool === 'wait'
