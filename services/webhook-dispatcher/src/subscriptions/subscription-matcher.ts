import { type EventEnvelope, matchesAnyPattern, matchesScope } from '@codex-bridge/contracts'
import type { SubscriptionRecord } from './subscription-record.ts'

/**
 * The rule of the contract: the subscription is enabled, a pattern matches, and every restricted dimension of its scope
 * matches. It gets no events from before its creation, nor from before it was last enabled. An event counts as older only if
 * both its sequence and its time are older, because sequences start over when the log is replaced.
 */
export const matches = (record: SubscriptionRecord, event: EventEnvelope): boolean =>
  record.enabled &&
  record.deletedAt === null &&
  isAfter(event, record.createdSeq, record.createdAt) &&
  (record.enabledSeq === undefined || isAfter(event, record.enabledSeq, record.endpointSince)) &&
  matchesAnyPattern(record.events, event.type) &&
  matchesScope(record.scope, event)

const isAfter = (event: EventEnvelope, seq: number, time: string): boolean => event.seq > seq || event.ts > time

/**
 * Finds the matching subscriptions without checking each: one that is restricted to lanes is looked up by lane, otherwise by
 * thread, otherwise by session; an unrestricted one by exact type, unless it has a wildcard.
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

  /** The subscriptions that get an event, each once. */
  match(event: EventEnvelope): SubscriptionRecord[] {
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
    if (laneIds?.length) addUnder(this.#byLane, laneIds, record)
    else if (threadIds?.length) addUnder(this.#byThread, threadIds, record)
    else if (sessionIds?.length) addUnder(this.#bySession, sessionIds, record)
    else if (record.events.some((pattern) => pattern.endsWith('*'))) this.#wild.push(record)
    else addUnder(this.#byType, record.events, record)
  }
}

const addUnder = (map: Map<string, SubscriptionRecord[]>, keys: readonly string[], record: SubscriptionRecord): void => {
  for (const key of new Set(keys)) {
    const present = map.get(key)
    if (present) present.push(record)
    else map.set(key, [record])
  }
}
