import type { ApprovalsState, LaneState, SessionState } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import { approvalsState, eventOf, laneState, NOW, sessionState } from '../../test/lane-samples.ts'
import { decideWaiting, type Surroundings } from './approval-overlay.ts'
import { decideFromEvent } from './status-decider.ts'

const asking = (threadId: string): SessionState['requests'][number] => ({
  requestId: 1,
  approvalId: 'apr_0',
  kind: 'command',
  threadId,
  turnId: 'turn-of-the-child',
  itemId: null,
})
const session = (more: Partial<SessionState> = {}) => sessionState({ threadId: 'own', requests: [asking('child')], ...more })
const approvals = (pending = 1): ApprovalsState => {
  const state = approvalsState(pending)
  return { ...state, pending: state.pending.map((approval) => ({ ...approval, threadId: 'child', reason: 'Run it?' })) }
}
const event = (seq = 7) => eventOf('lane.approval.requested', seq)
const decide = (lane: LaneState, around: Surroundings = { session: session(), approvals: approvals() }, seq = 7) =>
  decideWaiting({ state: lane, seq: 1 }, around, event(seq), NOW)

const failed = { code: 'turn_failed', message: 'it failed' }
const REASON = { code: 'approval', message: 'Run it?', details: { approvalId: 'apr_0', threadId: 'child' } }

describe('a question of a sub-agent', () => {
  it.each(['idle', 'running', 'done', 'verifying'] as const)('covers %s, and uncovers it when it is settled', (status) => {
    const covered = decide(laneState({ status }))
    expect(covered).toMatchObject({
      type: 'lane.status.changed',
      payload: { from: status, to: 'needs_approval', reason: REASON, cause: { seq: 7 } },
      state: { status: 'needs_approval', statusReason: REASON, resting: { status, reason: null } },
    })
    const settled = decide(covered?.state as LaneState, { session: session({ requests: [] }), approvals: approvals(0) }, 9)
    expect(settled).toMatchObject({
      type: 'lane.status.changed',
      payload: { from: 'needs_approval', to: status },
      state: { status, statusReason: null, resting: null },
    })
  })

  it('keeps the reason of what it covers', () => {
    const covered = decide(laneState({ status: 'failed', statusReason: failed }))?.state as LaneState
    expect(decide(covered, { session: session({ phase: 'lost' }), approvals: approvals() })?.state).toMatchObject({
      status: 'failed',
      statusReason: failed,
    })
  })

  it('does not come and go with the turns above it', () => {
    const covered = decide(laneState({ status: 'done' }))?.state as LaneState
    const running = decideFromEvent({ state: covered, seq: 2 }, eventOf('lane.turn.requested', 8), NOW)?.state as LaneState
    expect(running).toMatchObject({ status: 'running', resting: null })
    const again = decide(running, undefined, 8)?.state as LaneState
    expect(again).toMatchObject({ status: 'needs_approval', resting: { status: 'running' } })
    expect(decideFromEvent({ state: again, seq: 3 }, eventOf('lane.turn.started', 9), NOW)).toBeUndefined()
  })

  it('says nothing twice', () => {
    const covered = decide(laneState({ status: 'done' }))?.state as LaneState
    expect(decide(covered)).toBeUndefined()
    expect(decide(laneState({ status: 'done' }), { session: session({ requests: [] }), approvals: approvals(0) })).toBeUndefined()
  })

  it.each([
    ['was asked by the own thread, whose turn is over', { session: session({ requests: [asking('own')] }), approvals: approvals() }],
    ['is not known to be open any more', { session: session({ requests: [] }), approvals: approvals() }],
    ['is decided', { session: session(), approvals: approvals(0) }],
    ['went with its process', { session: session({ phase: 'lost' }), approvals: approvals() }],
    ['is of a predecessor', { session: session({ incarnation: 'evt_old' }), approvals: approvals() }],
    ['has no session', { session: undefined, approvals: approvals() }],
  ])('covers nothing when it %s', (_what, around) => {
    expect(decide(laneState({ status: 'done' }), around)).toBeUndefined()
  })

  it('does not hide the end of the turn above it: that is announced, and then covered', () => {
    const covered = decide(laneState({ status: 'verifying' }))?.state as LaneState
    const passed = eventOf('lane.verification.completed', 9, { status: 'passed', results: [] })
    const done = decideFromEvent({ state: covered, seq: 2 }, passed, NOW)
    expect(done).toMatchObject({ type: 'lane.completed', state: { status: 'done', resting: null } })
    expect(decide(done?.state as LaneState, undefined, 9)?.state).toMatchObject({ status: 'needs_approval', resting: { status: 'done' } })
  })

  it('leaves what it covers alone when events say nothing about that', () => {
    const covered = decide(laneState({ status: 'done' }))?.state as LaneState
    for (const type of ['lane.approval.requested', 'lane.approval.resolved', 'lane.subagent.changed', 'lane.usage.updated']) {
      expect(decideFromEvent({ state: covered, seq: 2 }, eventOf(type, 9, {}, undefined), NOW), type).toBeUndefined()
    }
  })
})
