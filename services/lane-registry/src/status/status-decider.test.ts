import {
  type ApprovalEvent,
  type Draft,
  EVENTS,
  guard,
  type LaneCreate,
  LaneState,
  type LaneStatus,
  MAX_MESSAGE_BYTES,
  MAX_PAYLOAD_BYTES,
  parseEvent,
  type SessionEvent,
} from '@codex-bridge/contracts'
import { sampleEvent } from '@codex-bridge/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { activeTurn, approvalsState, eventOf, laneState, NOW, sessionState } from '../../test/lane-samples.ts'
import { decideCreate } from '../lanes/lane-decider.ts'
import { decideFromEvent } from './status-decider.ts'

const command = (commandId: string, fingerprint = 'f') => ({ commandId, fingerprint, now: NOW })
const NOTHING = { state: undefined, seq: 0 }
const created = (
  commandId = 'c1',
  body: Omit<LaneCreate, 'laneId'> = {},
  version: { state: LaneState | undefined; seq: number } = NOTHING,
) => {
  const draft = decideCreate(version, 'a', body, `evt_${commandId}`, command(commandId))
  if (!draft) throw new Error('nothing was created')
  return draft
}
const sizeOf = (draft: Draft<'lane'>) => Buffer.byteLength(JSON.stringify({ id: 'evt_01M828E0000000000000000001', ts: NOW, ...draft }))

describe('what a session event changes', () => {
  it('is nothing for a lane that is deleted, unknown, or of another incarnation', () => {
    const event = eventOf('lane.turn.requested', 5)
    expect(decideFromEvent(NOTHING, event, NOW)).toBeUndefined()
    expect(decideFromEvent({ state: laneState({ deleted: true }), seq: 1 }, event, NOW)).toBeUndefined()
    expect(decideFromEvent({ state: laneState({ incarnation: 'evt_new' }), seq: 1 }, event, NOW)).toBeUndefined()
    expect(decideFromEvent({ state: laneState(), seq: 1 }, event, NOW)?.state.status).toBe('running')
  })

  it('names its cause, and the completion carries what was reached', () => {
    const lane = laneState({ status: 'running', acceptanceCriteria: ['it works'] })
    const payload = { turnId: 't1', status: 'completed', verification: 'none', finalMessage: 'done!', usage: { total: 1 } }
    const draft = decideFromEvent(
      { state: lane, seq: 1 },
      { ...eventOf('lane.turn.completed', 9, payload), turnId: 't1' } as SessionEvent,
      NOW,
    )
    expect(draft).toMatchObject({
      type: 'lane.completed',
      turnId: 't1',
      payload: {
        from: 'running',
        to: 'done',
        cause: { seq: 9, type: 'lane.turn.completed', eventId: 'evt_9' },
        finalMessage: 'done!',
        acceptanceCriteria: ['it works'],
      },
      state: { status: 'done', appliedSeq: 9 },
    })
  })

  it('announces a thread, also when the status stays the same', () => {
    const started = eventOf('lane.session.recovered', 9, {}, sessionState({ threadId: 'thread-2' }))
    const draft = decideFromEvent({ state: laneState({ status: 'interrupted', threadId: 'thread-1' }), seq: 1 }, started, NOW)
    expect(draft).toMatchObject({
      type: 'lane.updated',
      threadId: 'thread-2',
      state: { threadId: 'thread-2', status: 'interrupted', appliedSeq: 9 },
    })
  })

  it('keeps the time since when a status holds while it repeats', () => {
    const lane = laneState({ status: 'failed', statusReason: { code: 'x', message: 'x' }, statusSince: 'long ago' })
    const failed = eventOf('lane.turn.completed', 9, { status: 'failed', error: { code: 'turn_failed', message: 'again' } })
    expect(decideFromEvent({ state: lane, seq: 1 }, failed, NOW)).toMatchObject({ type: 'lane.failed', state: { statusSince: 'long ago' } })
  })

  it('always fits a message, whatever a session event of full size brings', () => {
    const text = (bytes: number) => '\\"'.repeat(bytes / 4)
    const full = MAX_PAYLOAD_BYTES - 4096
    const heavy: Record<string, unknown>[] = [
      { status: 'completed', verification: 'none', finalMessage: text(full) },
      { status: 'failed', error: { code: 'turn_failed', message: text(full) } },
      { status: 'failed', error: { code: 'turn_failed', message: 'm', details: { text: text(full) } } },
    ]
    const acceptanceCriteria = Array.from({ length: 7 }, () => 'x'.repeat(8192))
    const state = { ...created('c1', { acceptanceCriteria }).state, incarnation: 'evt_a' }
    for (const payload of heavy) {
      const draft = decideFromEvent({ state, seq: 1 }, eventOf('lane.turn.completed', 9, payload), NOW)
      expect(draft && sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
      const next = decideFromEvent({ state: draft?.state, seq: 2 }, eventOf('lane.turn.completed', 10, heavy[0]), NOW)
      expect(next && sizeOf(next)).toBeLessThan(MAX_MESSAGE_BYTES)
    }
    const results = [{ command: 'x', outputTail: text(full) }]
    for (const status of ['passed', 'failed']) {
      const draft = decideFromEvent({ state, seq: 1 }, eventOf('lane.verification.completed', 9, { status, results }), NOW)
      expect(draft && sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
      expect(draft?.state.status).toBe(status === 'passed' ? 'done' : 'failed')
    }
  })
})

// ---- properties ------------------------------------------------------------------------------------------------------

const ALL_TYPES = [
  ...Object.keys(EVENTS.lane),
  ...Object.keys(EVENTS.session),
  ...Object.keys(EVENTS.approval),
  'lane.item.completed.notification',
]
const aReason = fc.constantFrom(null, undefined, { code: 'usage_limit', message: 'm' }, { code: 'crash_loop', message: 'm' })
const anyPayload = fc.record(
  {
    status: fc.constantFrom('completed', 'interrupted', 'failed', 'passed', 'odd', null),
    verification: fc.constantFrom('none', 'pending', null),
    cause: fc.constantFrom('start_failed', 'command', 'operator', null),
    purpose: fc.constantFrom('start', 'recover'),
    origin: fc.constantFrom('codex', null),
    reason: aReason,
    error: aReason,
  },
  { requiredKeys: [] },
)
/** The payload over that of a valid event, or that event's own where it would not fit the type: such an event is never decoded. */
const fittingPayload = (type: string, payload: object): Record<string, unknown> => {
  const sample = sampleEvent(type)
  const candidate = { ...sample, payload: { ...sample.payload, ...JSON.parse(JSON.stringify(payload)) } }
  return parseEvent(candidate, 1).problem ? sample.payload : candidate.payload
}
const anyEvent = fc
  .record({
    type: fc.constantFrom(...ALL_TYPES),
    payload: anyPayload,
    pending: fc.nat(2),
    turn: fc.boolean(),
    threadId: fc.constantFrom(null, 't1', 't2'),
  })
  .map(({ type, payload, pending, turn, threadId }) => ({
    type,
    payload: fittingPayload(type, payload),
    state: type.startsWith('lane.approval.')
      ? approvalsState(pending)
      : type in EVENTS.lane
        ? laneState()
        : sessionState({ activeTurn: turn ? activeTurn() : null, threadId }),
  }))

/** Folds events as the policy does; sequences leave room for the lane's own events. */
const fold = (start: LaneState, events: (SessionEvent | ApprovalEvent)[]) => {
  let state = start
  const drafts: { draft: Draft<'lane'>; event: SessionEvent | ApprovalEvent }[] = []
  for (const event of events) {
    const draft = decideFromEvent({ state, seq: event.seq }, event, NOW)
    if (!draft) continue
    state = draft.state
    drafts.push({ draft, event })
  }
  return { state, drafts }
}
const numbered = (events: { type: string; payload: Record<string, unknown>; state: object }[]) =>
  events.map(({ type, payload, state }, index) => eventOf(type, 10 + index * 2, payload, state))

const WITH_REASON: ReadonlySet<LaneStatus> = new Set(['needs_approval', 'failed', 'blocked', 'interrupted'])
const WITHOUT_REASON: ReadonlySet<LaneStatus> = new Set(['starting', 'running', 'verifying', 'done'])

describe('whatever order events come in', () => {
  it('no status is reached without its reason, and every state is a valid one', () => {
    const isState = guard(LaneState)
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 30 }), (events) => {
        for (const { draft } of fold(laneState(), numbered(events)).drafts) {
          const { status, statusReason } = draft.state
          if (WITH_REASON.has(status))
            expect([status, typeof statusReason?.code, typeof statusReason?.message]).toEqual([status, 'string', 'string'])
          if (WITHOUT_REASON.has(status)) expect([status, statusReason]).toEqual([status, null])
          expect(isState(draft.state)).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('replaying any part of the past changes nothing', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 30 }), fc.nat(30), fc.nat(30), (events, cut, from) => {
        const all = numbered(events).slice(0, cut)
        const once = fold(laneState(), all)
        const again = fold(once.state, all.slice(Math.min(from, all.length)))
        expect(again.drafts).toEqual([])
        expect(again.state).toEqual(once.state)
        expect(fold(once.state, all).drafts).toEqual([])
      }),
      { numRuns: 500 },
    )
  })
})
