import { type BridgeEvent, matchesAnyPattern, matchesScope } from '@codex-bridge/contracts'
import type { SubscriptionRecord } from './subscription-record.ts'

/**
 * The rule of the contract: enabled, a pattern fits, every restricted dimension of the scope fits. And it gets nothing that
 * was there before it: events up to its creation are older by sequence and by time. Both must agree, because sequences
 * begin anew when the log is replaced.
 */
export const matches = (record: SubscriptionRecord, event: BridgeEvent): boolean =>
  record.enabled &&
  record.deletedAt === null &&
  (event.seq > record.createdSeq || event.ts > record.createdAt) &&
  matchesAnyPattern(record.events, event.type) &&
  matchesScope(record.scope, event)

/**
 * Finds the matching subscriptions without asking each: one that is restricted to lanes is looked up by lane, else by
 * thread, else by session; an unrestricted one by exact type, unless it has a wildcard.
 */
export class SubscriptionIndex {
  readonly #byLane = new Map<string, SubscriptionRecord[]>()
  readonly #byThread = new Map<string, SubscriptionRecord[]>()
  readonly #bySession = new Map<string, SubscriptionRecord[]>()
  readonly #byType = new Map<string, SubscriptionRecord[]>()
  readonly #wild: SubscriptionRecord[] = []

  constructor(records: Iterable<SubscriptionRecord>) {
    for (const record of records) this.#add(record)
  }

  /** The subscriptions an event goes to, each once. */
  match(event: BridgeEvent): SubscriptionRecord[] {
    const candidates = [
      ...(this.#byLane.get(event.laneId) ?? []),
      ...(event.threadId === null ? [] : (this.#byThread.get(event.threadId) ?? [])),
      ...(event.sessionId === null ? [] : (this.#bySession.get(event.sessionId) ?? [])),
      ...(this.#byType.get(event.type) ?? []),
      ...this.#wild,
    ]
    return candidates.filter((record) => matches(record, event))
  }

  #add(record: SubscriptionRecord): void {
    const { laneIds, threadIds, sessionIds } = record.scope
    if (laneIds?.length) file(this.#byLane, laneIds, record)
    else if (threadIds?.length) file(this.#byThread, threadIds, record)
    else if (sessionIds?.length) file(this.#bySession, sessionIds, record)
    else if (record.events.some((pattern) => pattern.endsWith('*'))) this.#wild.push(record)
    else file(this.#byType, record.events, record)
  }
}

const file = (map: Map<string, SubscriptionRecord[]>, keys: readonly string[], record: SubscriptionRecord): void => {
  for (const key of new Set(keys)) {
    const filed = map.get(key)
    if (filed) filed.push(record)
    else map.set(key, [record])
  }
}
