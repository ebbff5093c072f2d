import {
  type ApprovalEvent,
  BridgeError,
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
  type SessionState,
} from '@codex-bridge/contracts'
import { sampleEvent } from '@codex-bridge/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { activeTurn, approvalsState, eventOf, laneState, NOW, sessionState } from '../../test/lane-samples.ts'
import { LIVE_STATUSES } from '../status/status-reducer.ts'
import { decideCorrection, decideCreate, decideDelete, decideFromEvent } from './lane-decider.ts'

const command = (commandId: string, fingerprint = 'f') => ({ commandId, fingerprint, now: NOW })
const NOTHING = { state: undefined, seq: 0 }
const code = (call: () => unknown): string => {
  try {
    call()
  } catch (error) {
    return error instanceof BridgeError ? error.code : String(error)
  }
  return 'no error'
}
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

describe('create', () => {
  it("makes a lane with the contract's defaults", () => {
    const draft = created()
    expect(draft).toMatchObject({ type: 'lane.created', laneId: 'a', sessionId: null, commandId: 'c1' })
    expect(guard(LaneState)(draft.state)).toBe(true)
    expect(draft.state).toMatchObject({
      status: 'idle',
      readinessMode: 'lenient',
      preferredSurface: 'any',
      deleted: false,
      incarnation: 'evt_c1',
    })
  })

  it('repeated by the same command changes nothing; by another it is lane_exists', () => {
    const { state } = created()
    expect(decideCreate({ state, seq: 1 }, 'a', {}, 'evt_2', command('c1'))).toBeUndefined()
    expect(code(() => decideCreate({ state, seq: 1 }, 'a', {}, 'evt_2', command('c2')))).toBe('lane_exists')
    expect(code(() => decideCreate({ state, seq: 1 }, 'a', {}, 'evt_2', command('c1', 'other')))).toBe('idempotency_key_reused')
  })

  it('after a deletion begins a new incarnation that takes nothing over', () => {
    const first = created('c1', { title: 'old', threadId: 't' })
    const deleted = decideDelete({ state: first.state, seq: 1 }, 'a', command('c2'))
    const second = created('c3', { title: 'new' }, { state: deleted?.state, seq: 2 })
    expect(second.state).toMatchObject({ incarnation: 'evt_c3', title: 'new', threadId: null, deleted: false, appliedSeq: 2 })
    expect(second.state.commands.map(({ commandId }) => commandId)).toEqual(['c3'])
  })

  it('never runs twice: a late retry of a creation whose lane is gone does not bring it back', () => {
    const first = created('c1')
    const deleted = decideDelete({ state: first.state, seq: 1 }, 'a', command('c2'))
    expect(decideCreate({ state: deleted?.state, seq: 2 }, 'a', {}, 'evt_3', command('c1'))).toBeUndefined()
    expect(code(() => decideCreate({ state: deleted?.state, seq: 2 }, 'a', {}, 'evt_3', command('c2', 'create')))).toBe(
      'idempotency_key_reused',
    )
  })

  it('refuses a description that would leave no room in its events', () => {
    const acceptanceCriteria = Array.from({ length: 64 }, () => 'x'.repeat(8192))
    expect(code(() => created('c1', { acceptanceCriteria }))).toBe('validation_error')
    expect(created('c1', { acceptanceCriteria: acceptanceCriteria.slice(0, 7) }).state.acceptanceCriteria).toHaveLength(7)
  })
})

describe('delete', () => {
  it('is remembered by its command, and refused where there is nothing', () => {
    const { state } = created()
    const deleted = decideDelete({ state, seq: 1 }, 'a', command('c2'))
    expect(deleted).toMatchObject({ type: 'lane.deleted', commandId: 'c2', state: { deleted: true } })
    expect(decideDelete({ state: deleted?.state, seq: 2 }, 'a', command('c2'))).toBeUndefined()
    expect(code(() => decideDelete({ state: deleted?.state, seq: 2 }, 'a', command('c3')))).toBe('lane_not_found')
    expect(code(() => decideDelete(NOTHING, 'a', command('c3')))).toBe('lane_not_found')
  })
})

describe('decideCorrection', () => {
  it('says why, once', () => {
    const reason = { code: 'no_runner', message: 'none' }
    const draft = decideCorrection({ state: laneState({ status: 'starting' }), seq: 4 }, 'blocked', reason, NOW)
    expect(draft).toMatchObject({ type: 'lane.blocked', payload: { from: 'starting', to: 'blocked', reason } })
    expect(decideCorrection({ state: draft?.state, seq: 5 }, 'blocked', reason, NOW)).toBeUndefined()
    expect(decideCorrection({ state: laneState({ deleted: true }), seq: 4 }, 'idle', reason, NOW)).toBeUndefined()
    expect(decideCorrection(NOTHING, 'idle', reason, NOW)).toBeUndefined()
  })
})

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

/** A session and its approvals as their owners would write them, in any order that can happen. */
type Move =
  | 'claim'
  | 'recover'
  | 'start'
  | 'prompt'
  | 'appear'
  | 'complete'
  | 'fail'
  | 'verified'
  | 'ask'
  | 'close'
  | 'lose'
  | 'stop'
  | 'sleep'
  | 'approvals'
const MOVES: Move[] = [
  'claim',
  'recover',
  'start',
  'prompt',
  'appear',
  'complete',
  'fail',
  'verified',
  'ask',
  'close',
  'lose',
  'stop',
  'sleep',
  'approvals',
]

class World {
  session: SessionState = sessionState({ phase: 'none' })
  readonly events: { type: string; payload: Record<string, unknown>; state: object }[] = []
  /** What the approvals service has still to say: it follows the session at its own pace. */
  readonly lag: ('requested' | 'orphaned')[] = []
  pending = 0
  asked = 0

  move(move: Move): void {
    const { session } = this
    const live = session.phase === 'live'
    const busy = session.activeTurn !== null || session.verifying !== null
    switch (move) {
      case 'claim':
      case 'recover':
        if (session.phase !== 'claimed' && !live)
          this.#say('lane.session.claimed', { phase: 'claimed' }, { purpose: move === 'claim' ? 'start' : 'recover' })
        break
      case 'start':
        if (session.phase === 'claimed') this.#say('lane.session.started', { phase: 'live' })
        break
      case 'prompt':
        if (live && !busy) this.#say('lane.turn.requested', { activeTurn: activeTurn() })
        break
      case 'appear':
        if (live && !busy) this.#say('lane.turn.started', { activeTurn: activeTurn() }, { origin: 'codex' })
        break
      case 'complete':
        if (live && session.activeTurn) this.#complete('completed', true)
        break
      case 'fail':
        if (live && session.activeTurn) this.#complete('failed', false)
        break
      case 'verified':
        if (live && session.verifying) this.#say('lane.verification.completed', { verifying: null }, { status: 'passed', results: [] })
        break
      case 'ask':
        if (live && session.activeTurn && this.asked === 0) {
          this.asked = 1
          this.lag.push('requested')
          this.#say('lane.session.request.raised', {})
        }
        break
      case 'close':
        if (this.asked > 0) this.#close('lane.session.request.closed', {})
        break
      case 'lose':
        if (live || session.phase === 'claimed') {
          this.#close('lane.session.lost', { phase: 'lost' })
          if (this.session.activeTurn) this.#complete('interrupted', false)
          if (this.session.verifying) this.#say('lane.verification.completed', { verifying: null }, { status: 'interrupted', results: [] })
        }
        break
      case 'stop':
      case 'sleep':
        if (live) {
          if (this.session.activeTurn) this.#complete('interrupted', false)
          if (this.session.verifying) this.#say('lane.verification.completed', { verifying: null }, { status: 'interrupted', results: [] })
          this.#close(move === 'stop' ? 'lane.session.stopped' : 'lane.session.hibernated', {
            phase: move === 'stop' ? 'stopped' : 'hibernated',
          })
        }
        break
      default:
        this.sayOfApprovals()
    }
  }

  sayOfApprovals(): void {
    const next = this.lag.shift()
    if (!next) return
    this.pending += next === 'requested' ? 1 : -1
    this.events.push({ type: `lane.approval.${next}`, payload: { reason: 'r' }, state: approvalsState(this.pending) })
  }

  #complete(status: string, verify: boolean): void {
    this.#say(
      'lane.turn.completed',
      { activeTurn: null, verifying: verify ? { turnId: 'turn-1' } : null },
      { status, verification: verify ? 'pending' : 'none', cause: status === 'interrupted' ? 'session_lost' : null },
    )
  }

  #close(type: string, change: Partial<SessionState>): void {
    if (this.asked > 0) this.lag.push('orphaned')
    this.asked = 0
    this.#say(type, change, type === 'lane.session.stopped' ? { cause: 'command', reason: null } : {})
  }

  #say(type: string, change: Partial<SessionState>, payload: Record<string, unknown> = {}): void {
    this.session = { ...this.session, ...change }
    this.events.push({ type, payload, state: this.session })
  }
}

describe('a session and its approvals, in any order that can happen', () => {
  it('a lane shows no live status once its session has ended, and none without one when everything is said', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...MOVES), { maxLength: 60 }), (moves) => {
        const world = new World()
        for (const move of moves) {
          world.move(move)
          const { phase, activeTurn: turn } = world.session
          const ended = (phase === 'stopped' || phase === 'hibernated' || phase === 'lost') && !turn
          if (!ended) continue
          const { state } = fold(laneState(), numbered(world.events))
          expect(LIVE_STATUSES.has(state.status), `${state.status} after ${world.events.map(({ type }) => type).join(', ')}`).toBe(false)
        }
        while (world.lag.length > 0) world.sayOfApprovals()
        const { state } = fold(laneState(), numbered(world.events))
        const { phase, activeTurn: turn, verifying } = world.session
        const live = phase === 'live' || phase === 'claimed'
        if (!live) expect(LIVE_STATUSES.has(state.status)).toBe(false)
        if (turn && live && world.asked === 0) expect(state.status).toBe('running')
        if (turn && live && world.asked > 0) expect(state.status).toBe('needs_approval')
        if (verifying && live) expect(state.status).toBe('verifying')
      }),
      { numRuns: 1000 },
    )
  })
})
