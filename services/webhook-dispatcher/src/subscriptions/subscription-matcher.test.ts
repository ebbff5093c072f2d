import type { EventEnvelope } from '@codex-bridge/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matches, SubscriptionIndex } from './subscription-matcher.ts'
import type { SubscriptionRecord } from './subscription-record.ts'

const some = <T>(values: readonly T[]) => fc.option(fc.subarray([...values], { minLength: 0 }), { nil: undefined })
const LANES = ['lane-a', 'lane-b', 'lane-c']
const THREADS = ['thread-x', 'thread-y']
const TYPES = ['lane.completed', 'lane.failed', 'lane.turn.completed', 'lane.turn.completed.notification', 'webhook.disabled']
const PATTERNS = ['*', 'lane.*', 'lane.turn.*', 'lane.turn', 'webhook.*', ...TYPES]

const record: fc.Arbitrary<SubscriptionRecord> = fc
  .record({
    number: fc.nat(),
    events: fc.subarray(PATTERNS, { minLength: 1 }),
    enabled: fc.boolean(),
    deleted: fc.boolean(),
    createdSeq: fc.nat(20),
    enabledSeq: fc.option(fc.nat(20), { nil: undefined }),
    laneIds: some(LANES),
    threadIds: some(THREADS),
    sessionIds: some(LANES),
  })
  .map(({ number, events, enabled, deleted, createdSeq, enabledSeq, ...scope }) => ({
    id: `wh_${number}`,
    url: 'https://example.com',
    events,
    enabled,
    scope: JSON.parse(JSON.stringify(scope)) as SubscriptionRecord['scope'],
    secret: null,
    createdAt: '2026-01-01T00:00:10.000Z',
    updatedAt: '2026-01-01T00:00:10.000Z',
    createdSeq,
    ...(enabledSeq !== undefined && { enabledSeq }),
    createdBy: '',
    endpointSince: '2026-01-01T00:00:15.000Z',
    commands: [],
    disabledReason: null,
    deletedAt: deleted ? '2026-01-02T00:00:00.000Z' : null,
  }))

const event: fc.Arbitrary<EventEnvelope> = fc.record({
  seq: fc.integer({ min: 1, max: 20 }),
  id: fc.constant('evt_1'),
  ts: fc.constantFrom('2026-01-01T00:00:00.000Z', '2026-01-01T00:00:12.000Z', '2026-01-01T00:00:20.000Z'),
  type: fc.constantFrom(...TYPES),
  laneId: fc.constantFrom(...LANES),
  threadId: fc.constantFrom(...THREADS, null),
  sessionId: fc.constantFrom(...LANES, null),
  payload: fc.constant({}),
  state: fc.constant({}),
})

/** The contract's rule, written without any of the code under test. */
const naive = (subscription: SubscriptionRecord, happened: EventEnvelope): boolean => {
  const within = (allowed: string[] | undefined, value: string | null) => !allowed?.length || (value !== null && allowed.includes(value))
  const fits = (pattern: string) =>
    pattern === '*' || new RegExp(`^${pattern.replaceAll('.', '\\.').replace(/\*$/, '.+')}$`).test(happened.type)
  return (
    subscription.enabled &&
    subscription.deletedAt === null &&
    !(happened.seq <= subscription.createdSeq && happened.ts <= subscription.createdAt) &&
    !(happened.seq <= (subscription.enabledSeq ?? -1) && happened.ts <= subscription.endpointSince) &&
    subscription.events.some(fits) &&
    within(subscription.scope.laneIds, happened.laneId) &&
    within(subscription.scope.threadIds, happened.threadId) &&
    within(subscription.scope.sessionIds, happened.sessionId)
  )
}

describe('the subscription index', () => {
  it('finds exactly the subscriptions that a check of every one finds, each once', () => {
    fc.assert(
      fc.property(fc.uniqueArray(record, { maxLength: 30, selector: ({ id }) => id }), event, (records, happened) => {
        const found = new SubscriptionIndex(records).match(happened).map(({ id }) => id)
        const wanted = records.filter((subscription) => naive(subscription, happened)).map(({ id }) => id)
        expect([...found].sort()).toEqual([...wanted].sort())
        expect(records.filter((subscription) => matches(subscription, happened)).map(({ id }) => id)).toEqual(wanted)
      }),
      { numRuns: 3000 },
    )
  })

  it('checks only a few of many', () => {
    const [template] = fc.sample(record, 1)
    let checked = 0
    const many = Array.from({ length: 10_000 }, (_, index) => ({
      ...(template as SubscriptionRecord),
      id: `wh_${index}`,
      deletedAt: null,
      createdSeq: 0,
      enabledSeq: 0,
      events: ['*'],
      scope: { laneIds: [`lane-${index}`] },
      get enabled() {
        checked += 1
        return true
      },
    }))
    const index = new SubscriptionIndex(many)
    const happened = { ...(fc.sample(event, 1)[0] as EventEnvelope), seq: 9, laneId: 'lane-77' }
    checked = 0
    expect(index.match(happened).map(({ id }) => id)).toEqual(['wh_77'])
    expect(checked).toBe(1)
  })
})
