import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ApprovalsState } from '../approvals/approval.ts'
import { AGGREGATES, type Aggregate } from '../foundation/ids.ts'
import { validator } from '../foundation/validate.ts'
import { LaneState } from '../lanes/lane.ts'
import { SessionState } from '../sessions/session.ts'
import { aggregateOf, EVENT_TYPES, notificationEventType, StoredEvent } from './events.ts'
import { matchesPattern } from './pattern.ts'

const catalogue: [string, Aggregate][] = AGGREGATES.flatMap((aggregate) =>
  Object.keys(EVENT_TYPES[aggregate]).map((type): [string, Aggregate] => [type, aggregate]),
)

describe('the event catalogue', () => {
  it.each(catalogue)('%s belongs to the %s aggregate alone', (type, aggregate) => {
    expect(aggregateOf(type)).toBe(aggregate)
    expect(catalogue.filter(([other]) => other === type)).toHaveLength(1)
    expect(matchesPattern('lane.*', type)).toBe(true)
  })

  it.each([
    ['turn/started', 'lane.turn.started.notification'],
    ['turn/completed', 'lane.turn.completed.notification'],
    ['item/completed', 'lane.item.completed.notification'],
    ['thread/tokenUsage/updated', 'lane.thread.tokenUsage.updated.notification'],
    ['error', 'lane.error.notification'],
    ['a b\r\nX: ü', 'lane.a_b__X___.notification'],
    ['long/'.repeat(100), `lane.${'long.'.repeat(26).slice(0, 128)}.notification`],
  ])('a forwarded %s is %s, of the session, and never one of our own types', (method, type) => {
    expect(notificationEventType(method)).toBe(type)
    expect(aggregateOf(type)).toBe('session')
    expect(catalogue.map(([own]) => own)).not.toContain(type)
  })
})

/** What the payload of each type is documented to carry. A field may be added here and never taken out. */
const PAYLOAD: Record<string, string[]> = {
  'lane.created': ['title', 'repoRoot', 'projectId'],
  'lane.updated': ['from', 'to', 'reason', 'cause'],
  'lane.attached': ['threadId'],
  'lane.synced': ['threadId', 'title'],
  'lane.status.changed': ['from', 'to', 'reason', 'cause'],
  'lane.completed': ['from', 'to', 'cause', 'turnId', 'finalMessage', 'usage', 'acceptanceCriteria', 'verification'],
  'lane.failed': ['from', 'to', 'reason.code', 'reason.message', 'cause.type', 'cause.seq', 'cause.eventId'],
  'lane.blocked': ['from', 'to', 'reason.code', 'reason.message', 'cause.type'],
  'lane.interrupted': ['from', 'to', 'reason.code', 'reason.message', 'cause.type'],
  'lane.deleted': ['status'],
  'lane.thread.updated': ['threadId', 'updatedAt'],
  'lane.session.claimed': ['purpose', 'epoch', 'runnerId', 'home'],
  'lane.session.started': ['threadId', 'runnerId', 'codexVersion', 'pid', 'readinessDeferred', 'readinessReason'],
  'lane.session.recovered': ['threadId', 'runnerId', 'codexVersion', 'pid', 'readinessDeferred', 'readinessReason'],
  'lane.session.deferred': ['threadId', 'was', 'readinessReason'],
  'lane.session.ready': ['threadId', 'was', 'deferredMs'],
  'lane.session.stopped': ['cause', 'reason'],
  'lane.session.lost': ['reason', 'message', 'details'],
  'lane.session.hibernated': ['why'],
  'lane.session.request.raised': [
    'requestId',
    'approvalId',
    'kind',
    'threadId',
    'turnId',
    'itemId',
    'reason',
    'request.method',
    'request.command',
    'request.cwd',
    'availableDecisions',
  ],
  'lane.session.request.answered': ['approvalId'],
  'lane.session.request.closed': ['approvalId', 'reason'],
  'lane.turn.requested': ['input', 'commandId'],
  'lane.turn.started': ['turnId', 'commandId'],
  'lane.turn.steered': ['turnId', 'input'],
  'lane.turn.stalled': ['kind', 'afterMs', 'message'],
  'lane.turn.completed': ['turnId', 'commandId', 'status', 'cause', 'error', 'finalMessage', 'usage', 'durationMs', 'verification'],
  'lane.turn.skipped.readiness_deferred': ['reason'],
  'lane.subagent.changed': ['threadId', 'parentThreadId', 'nickname', 'role', 'status', 'turnId', 'activeAt', 'cause'],
  'lane.verification.started': ['turnId', 'commands'],
  'lane.verification.completed': [
    'turnId',
    'status',
    'finalMessage',
    'results.0.command',
    'results.0.exitCode',
    'results.0.durationMs',
    'results.0.timedOut',
    'results.0.outputTail',
  ],
  'lane.usage.updated': ['turnId', 'usage'],
  'lane.approval.requested': ['approvalId', 'kind', 'reason', 'status', 'approval', 'request'],
  'lane.approval.resolved': ['approvalId', 'kind', 'reason', 'status', 'approval', 'decision.decision'],
  'lane.approval.delivered': ['approvalId', 'kind', 'reason', 'status', 'approval.deliveredAt'],
  'lane.approval.expired': ['approvalId', 'kind', 'reason', 'status', 'approval', 'decision.decision'],
  'lane.approval.orphaned': ['approvalId', 'kind', 'reason', 'status', 'approval.endedReason'],
}
const NOTIFICATION_PAYLOAD = ['method', 'params']

const has = (value: unknown, path: string): boolean => {
  let inner = value
  for (const key of path.split('.')) {
    if (inner === null || typeof inner !== 'object' || !Object.hasOwn(inner, key)) return false
    inner = (inner as Record<string, unknown>)[key]
  }
  return true
}

const STATES = { lane: validator(LaneState), session: validator(SessionState), approval: validator(ApprovalsState) } as const
const storedEvent = validator(StoredEvent)

const samples = new URL('../../test/samples/', import.meta.url)
const stored = readdirSync(samples).flatMap((version) =>
  readdirSync(new URL(`${version}/`, samples)).map((file): [string, unknown] => [
    `${version}/${file}`,
    JSON.parse(readFileSync(new URL(`${version}/${file}`, samples), 'utf8')) as unknown,
  ]),
)

describe('stored samples of every version', () => {
  it('there is one of every kind, and of forwarded notifications', () => {
    const kinds = new Set(stored.map(([, sample]) => (sample as StoredEvent).type))
    for (const [type] of catalogue) expect(kinds, type).toContain(type)
    expect([...kinds].filter((type) => type.endsWith('.notification')).length).toBeGreaterThan(5)
    expect(Object.keys(PAYLOAD).sort()).toEqual(catalogue.map(([type]) => type).sort())
  })

  it.each(stored)('%s still parses, with the state of its aggregate and the documented payload', (name, sample) => {
    const event = storedEvent(sample)
    expect(name).toContain(`/${event.type}.json`)
    const aggregate = aggregateOf(event.type)
    const state = STATES[aggregate](event.state)
    expect(state.laneId).toBe(event.laneId)
    for (const path of PAYLOAD[event.type] ?? NOTIFICATION_PAYLOAD) expect(has(event.payload, path), `payload.${path}`).toBe(true)
  })
})
