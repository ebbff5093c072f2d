import { EVENTS, LANE_STATUSES, type LaneStatus } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import { activeTurn, approvalsState, eventOf, sessionState } from '../../test/lane-samples.ts'
import { LIVE_STATUSES, reduceStatus, type Status, statusEventType } from './status-reducer.ts'

type Case = {
  type: string
  what: string
  payload?: Record<string, unknown>
  state?: object
  /** The status an event leads to: from every one, or from those named; from the rest it changes nothing. */
  to: LaneStatus | Partial<Record<LaneStatus, LaneStatus>>
  reason?: string
}

const reason = (code: string) => ({ code, message: `because of ${code}` })
const endedTurn = (status: string, more: Record<string, unknown> = {}) => ({
  turnId: 't',
  status,
  cause: null,
  error: null,
  verification: 'none',
  ...more,
})
const UNCHANGED = {}

const CASES: Case[] = [
  { type: 'lane.session.claimed', what: 'to start', payload: { purpose: 'start' }, to: 'starting' },
  { type: 'lane.session.claimed', what: 'to recover', payload: { purpose: 'recover' }, to: UNCHANGED },
  { type: 'lane.session.started', what: '', to: 'running' },
  { type: 'lane.session.recovered', what: '', to: { idle: 'running', starting: 'running' } },
  // Whether the thread is ready is the session's to say; the lane has a live session all the same.
  { type: 'lane.session.deferred', what: '', to: UNCHANGED },
  { type: 'lane.session.ready', what: '', to: UNCHANGED },
  {
    type: 'lane.session.stopped',
    what: 'by command',
    payload: { cause: 'command', reason: null },
    to: { starting: 'idle', running: 'idle', needs_approval: 'idle', verifying: 'idle' },
  },
  ...[
    'no_runner',
    'active_writer',
    'archived',
    'no_rollout',
    'login_required',
    'workspace_missing',
    'readiness_blocked',
    'usage_limit',
  ].map(
    (code): Case => ({
      type: 'lane.session.stopped',
      what: `could not start: ${code}`,
      payload: { cause: 'start_failed', reason: reason(code) },
      to: 'blocked',
      reason: code,
    }),
  ),
  {
    type: 'lane.session.stopped',
    what: 'could not start: crash_loop',
    payload: { cause: 'start_failed', reason: reason('crash_loop') },
    to: 'failed',
    reason: 'crash_loop',
  },
  {
    type: 'lane.session.stopped',
    what: 'could not start, nobody said why',
    payload: { cause: 'start_failed', reason: null },
    to: 'failed',
    reason: 'start_failed',
  },
  {
    type: 'lane.session.lost',
    what: 'with nothing under way',
    payload: { reason: 'runner_gone' },
    state: sessionState({ phase: 'lost' }),
    to: { starting: 'idle', running: 'idle', needs_approval: 'idle', verifying: 'interrupted' },
    reason: 'session_lost',
  },
  {
    type: 'lane.session.lost',
    what: 'in the middle of a turn, whose own end follows',
    payload: { reason: 'runner_gone' },
    state: sessionState({ phase: 'lost', activeTurn: activeTurn() }),
    to: UNCHANGED,
  },
  {
    type: 'lane.session.hibernated',
    what: '',
    payload: { why: 'idle' },
    to: { starting: 'idle', running: 'idle', needs_approval: 'idle', verifying: 'idle' },
    reason: 'hibernated',
  },
  { type: 'lane.session.request.raised', what: '', to: UNCHANGED },
  { type: 'lane.session.request.answered', what: '', to: UNCHANGED },
  { type: 'lane.session.request.closed', what: '', to: UNCHANGED },
  { type: 'lane.turn.requested', what: '', to: 'running' },
  { type: 'lane.turn.started', what: 'that was asked for', payload: { commandId: 'c' }, to: UNCHANGED },
  {
    type: 'lane.turn.started',
    what: 'by Codex itself',
    payload: { origin: 'codex' },
    to: Object.fromEntries(LANE_STATUSES.filter((status) => status !== 'running').map((status) => [status, 'running'])),
  },
  { type: 'lane.turn.steered', what: '', to: UNCHANGED },
  { type: 'lane.turn.stalled', what: '', to: UNCHANGED },
  { type: 'lane.turn.skipped.readiness_deferred', what: '', to: UNCHANGED },
  { type: 'lane.turn.completed', what: 'completed', payload: endedTurn('completed'), to: 'done' },
  {
    type: 'lane.turn.completed',
    what: 'completed, to be verified',
    payload: endedTurn('completed', { verification: 'pending' }),
    to: 'verifying',
  },
  {
    type: 'lane.turn.completed',
    what: 'interrupted by the operator',
    payload: endedTurn('interrupted', { cause: 'operator' }),
    to: 'interrupted',
    reason: 'operator',
  },
  {
    type: 'lane.turn.completed',
    what: 'interrupted, nobody said why',
    payload: endedTurn('interrupted'),
    to: 'interrupted',
    reason: 'interrupted',
  },
  {
    type: 'lane.turn.completed',
    what: 'failed',
    payload: endedTurn('failed', { error: reason('turn_failed') }),
    to: 'failed',
    reason: 'turn_failed',
  },
  { type: 'lane.turn.completed', what: 'failed, nobody said why', payload: endedTurn('failed'), to: 'failed', reason: 'turn_failed' },
  {
    type: 'lane.turn.completed',
    what: 'failed at the usage limit',
    payload: endedTurn('failed', { error: reason('usage_limit') }),
    to: 'blocked',
    reason: 'usage_limit',
  },
  {
    type: 'lane.turn.completed',
    what: 'failed without a login',
    payload: endedTurn('failed', { error: reason('login_required') }),
    to: 'blocked',
    reason: 'login_required',
  },
  { type: 'lane.turn.completed', what: 'with a status nobody knows', payload: endedTurn('vanished'), to: 'failed', reason: 'turn_failed' },
  // What its sub-agents do is not what the lane does; what they ask is, see the decider of waiting.
  { type: 'lane.subagent.changed', what: '', payload: { status: 'running' }, to: UNCHANGED },
  { type: 'lane.verification.started', what: '', to: UNCHANGED },
  { type: 'lane.verification.completed', what: 'passed', payload: { status: 'passed', results: [] }, to: 'done' },
  {
    type: 'lane.verification.completed',
    what: 'failed',
    payload: { status: 'failed', results: [{ exitCode: 1 }] },
    to: 'failed',
    reason: 'verification_failed',
  },
  {
    type: 'lane.verification.completed',
    what: 'interrupted',
    payload: { status: 'interrupted', results: [] },
    to: 'interrupted',
    reason: 'verification_interrupted',
  },
  { type: 'lane.usage.updated', what: '', to: UNCHANGED },
  {
    type: 'lane.approval.requested',
    what: '',
    payload: { reason: 'Run it?' },
    state: approvalsState(1),
    to: { running: 'needs_approval' },
    reason: 'approval',
  },
  ...['lane.approval.resolved', 'lane.approval.expired', 'lane.approval.orphaned'].flatMap((type): Case[] => [
    { type, what: 'the last one', state: approvalsState(0), to: { needs_approval: 'running' } },
    { type, what: 'while another waits', state: approvalsState(1), to: UNCHANGED },
  ]),
  { type: 'lane.approval.delivered', what: '', state: approvalsState(0), to: UNCHANGED },
  { type: 'lane.turn.completed.notification', what: '', payload: { method: 'turn/completed' }, to: UNCHANGED },
  { type: 'lane.something.new', what: '', to: UNCHANGED },
  ...Object.keys(EVENTS.lane).map((type): Case => ({ type, what: 'of the lane itself', to: UNCHANGED })),
]

const NEEDS_REASON: ReadonlySet<LaneStatus> = new Set(['needs_approval', 'failed', 'blocked', 'interrupted'])
const currentOf = (status: LaneStatus): Status => ({ status, reason: NEEDS_REASON.has(status) ? reason('before') : null })

describe('every status and every event', () => {
  it('the table covers every type of the catalogue', () => {
    const types = new Set(CASES.map(({ type }) => type))
    for (const aggregate of ['lane', 'session', 'approval'] as const) {
      for (const type of Object.keys(EVENTS[aggregate])) expect(types, type).toContain(type)
    }
  })

  describe.each(CASES)('$type $what', ({ type, payload, state, to, reason: code }) => {
    it.each(LANE_STATUSES)('on %s', (from) => {
      const current = currentOf(from)
      const after = reduceStatus(current, eventOf(type, 5, payload, state))
      const expected = typeof to === 'string' ? to : to[from]
      if (expected === undefined) {
        expect(after).toBe(current)
        return
      }
      expect(after.status).toBe(expected)
      if (expected !== from || typeof to !== 'string') {
        expect(after.reason?.code ?? null).toBe(code ?? null)
        expect(NEEDS_REASON.has(expected) ? after.reason !== null : true).toBe(true)
      }
    })
  })
})

describe('a session that is up again', () => {
  it.each(['no_runner', 'workspace_missing', 'active_writer', 'archived', 'no_rollout', 'readiness_blocked'])(
    'is no longer blocked by %s',
    (code) => {
      expect(reduceStatus({ status: 'blocked', reason: reason(code) }, eventOf('lane.session.recovered', 5))).toEqual({
        status: 'running',
        reason: null,
      })
    },
  )

  it.each(['usage_limit', 'login_required'])('is still blocked by %s', (code) => {
    const current: Status = { status: 'blocked', reason: reason(code) }
    expect(reduceStatus(current, eventOf('lane.session.recovered', 5))).toBe(current)
  })
})

describe('the event that announces a status', () => {
  it('is one of its own for an end, and lane.status.changed for the rest', () => {
    expect(Object.fromEntries(LANE_STATUSES.map((status) => [status, statusEventType(status)]))).toEqual({
      idle: 'lane.status.changed',
      starting: 'lane.status.changed',
      running: 'lane.status.changed',
      needs_approval: 'lane.status.changed',
      verifying: 'lane.status.changed',
      done: 'lane.completed',
      failed: 'lane.failed',
      blocked: 'lane.blocked',
      interrupted: 'lane.interrupted',
    })
    expect([...LIVE_STATUSES].every((status) => statusEventType(status) === 'lane.status.changed')).toBe(true)
  })
})
