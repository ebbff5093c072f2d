import { guard, Lane, Session } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import { activeTurn, approvalsState, laneState, sessionState } from '../../test/lane-samples.ts'
import { isLive, laneView, sessionView } from './lane-view.ts'

const open = { requestId: 1, approvalId: 'apr_0', kind: 'command' as const, threadId: 't', turnId: null, itemId: null }

describe('laneView', () => {
  it('joins what session and approvals say, in the form of the contract', () => {
    const view = laneView({
      lane: laneState({ status: 'needs_approval', statusReason: { code: 'approval', message: 'Run it?' } }),
      session: sessionState({ threadId: 'thread-1', activeTurn: activeTurn('turn-7') }),
      approvals: approvalsState(2),
      seq: 17,
    })
    expect(guard(Lane)(view)).toBe(true)
    expect(view).toMatchObject({
      threadId: 'thread-1',
      activeTurnId: 'turn-7',
      sessionRunning: true,
      pendingApprovals: 2,
      seq: 17,
      blockedReason: null,
    })
  })

  it('shows nothing of an earlier incarnation of the same id', () => {
    const view = laneView({
      lane: laneState({ incarnation: 'evt_new' }),
      session: sessionState({ threadId: 'old', activeTurn: activeTurn() }),
      approvals: approvalsState(3),
      seq: 9,
    })
    expect(view).toMatchObject({ threadId: null, activeTurnId: null, sessionRunning: false, pendingApprovals: 0 })
  })

  it('says why a lane is blocked, and only then', () => {
    const because = { code: 'no_runner', message: 'none' }
    const of = (status: 'blocked' | 'failed') =>
      laneView({ lane: laneState({ status, statusReason: because }), session: undefined, approvals: undefined, seq: 1 })
    expect([of('blocked').blockedReason, of('blocked').statusReason]).toEqual([because, because])
    expect([of('failed').blockedReason, of('failed').statusReason]).toEqual([null, because])
  })

  it('a claimed session has a process to come but does not run yet', () => {
    const claimed = sessionState({ phase: 'claimed' })
    expect(isLive(claimed)).toBe(true)
    expect(laneView({ lane: laneState(), session: claimed, approvals: undefined, seq: 1 }).sessionRunning).toBe(false)
    for (const phase of ['none', 'stopped', 'lost', 'hibernated'] as const) expect(isLive(sessionState({ phase })), phase).toBe(false)
    expect(isLive(undefined)).toBe(false)
  })
})

describe('sessionView', () => {
  it('is the empty form for a lane that never had one', () => {
    const view = sessionView({ lane: laneState({ threadId: 't' }), session: undefined, approvals: undefined, seq: 3 })
    expect(guard(Session)(view)).toBe(true)
    expect(view).toMatchObject({
      running: false,
      phase: 'none',
      threadId: 't',
      startedAt: null,
      pendingRequests: 0,
      epoch: 0,
      pid: null,
      seq: 3,
    })
  })

  it('shows a live one, and hides the start time of one that ended', () => {
    const session = sessionState({ requests: [open], process: { host: 'h', pid: 42, startTime: 1 } })
    const live = sessionView({ lane: laneState(), session, approvals: undefined, seq: 3 })
    expect(guard(Session)(live)).toBe(true)
    expect(live).toMatchObject({ running: true, pendingRequests: 1, pid: 42, startedAt: session.startedAt })
    const ended = sessionView({ lane: laneState(), session: { ...session, phase: 'stopped' }, approvals: undefined, seq: 3 })
    expect(ended).toMatchObject({ running: false, startedAt: null, phase: 'stopped' })
  })
})
