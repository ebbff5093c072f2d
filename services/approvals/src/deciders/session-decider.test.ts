import { ApprovalsState, guard } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import {
  after,
  approvalOf,
  decide,
  event,
  NOTHING,
  NOW,
  open,
  pendingOne,
  raised,
  raisedPayload,
  react,
  session,
} from '../../test/support/approval-builders.ts'
import { decideResolution } from './resolution-decider.ts'

describe('a raised request', () => {
  it('becomes a pending approval with everything needed to decide', () => {
    const { version, drafts } = react(NOTHING, raised('apr_1', 10))
    expect(drafts).toHaveLength(1)
    expect(drafts[0]).toMatchObject({ type: 'lane.approval.requested', laneId: 'a', threadId: 't', turnId: 'turn-1', epoch: 3 })
    expect(guard(ApprovalsState)(version.state)).toBe(true)
    expect(approvalOf(version)).toMatchObject({
      status: 'pending',
      delivery: 'none',
      raisedSeq: 10,
      request: { command: 'ls', cwd: '/w' },
      itemId: 'item-1',
      expiresAt: null,
    })
  })

  it('is applied once, however often it is read', () => {
    const { version } = react(NOTHING, raised('apr_1', 10))
    expect(react(version, raised('apr_1', 10)).drafts).toEqual([])
  })

  it('can be pending beside another one', () => {
    const first = react(NOTHING, raised('apr_1', 10)).version
    const second = react(first, raised('apr_2', 11, [open('apr_1')])).version
    expect(second.state?.pending.map(({ approvalId }) => approvalId)).toEqual(['apr_1', 'apr_2'])
  })
})

describe('a closed request', () => {
  const decided = () => {
    const version = pendingOne()
    return after(version, decideResolution(version, decide('approve')))
  }

  it('is delivered if the answer was written to Codex', () => {
    const { drafts, version } = react(decided(), event('lane.session.request.answered', 12, session([]), { approvalId: 'apr_1' }))
    expect(drafts.map(({ type }) => type)).toEqual(['lane.approval.delivered'])
    expect(approvalOf(version)).toMatchObject({ status: 'approved', delivery: 'delivered', deliveredAt: NOW })
  })

  it('is lost if it was decided and the session ended before the answer', () => {
    const { drafts, version } = react(decided(), event('lane.session.lost', 12, session([]), { reason: 'runner_gone', message: 'gone' }))
    expect(drafts.map(({ type }) => type)).toEqual(['lane.approval.orphaned'])
    expect(approvalOf(version)).toMatchObject({ status: 'approved', delivery: 'lost', endedReason: 'runner_gone' })
  })

  it('is orphaned if nobody decided, with the reason of the event as text', () => {
    const ends: [string, Record<string, unknown>, string][] = [
      ['lane.session.lost', { reason: 'process_exited' }, 'process_exited'],
      ['lane.session.request.closed', { approvalId: 'apr_1', reason: 'The turn ended' }, 'The turn ended'],
      ['lane.session.stopped', { cause: 'command', reason: null }, 'lane.session.stopped'],
      ['lane.session.stopped', { cause: 'start_failed', reason: { code: 'no_rollout', message: 'm' } }, 'no_rollout'],
      ['lane.session.hibernated', { why: 'idle' }, 'lane.session.hibernated'],
      ['lane.session.claimed', { purpose: 'recover' }, 'lane.session.claimed'],
    ]
    for (const [type, payload, reason] of ends) {
      const { drafts, version } = react(pendingOne(), event(type, 12, session([]), payload))
      expect(
        drafts.map((draft) => draft.type),
        type,
      ).toEqual(['lane.approval.orphaned'])
      expect(approvalOf(version), type).toMatchObject({ status: 'orphaned', endedReason: reason })
    }
  })

  it('does not end another one that is still open', () => {
    const both = react(pendingOne(), raised('apr_2', 11, [open('apr_1')])).version
    const { version } = react(both, event('lane.session.request.closed', 12, session([open('apr_2')]), { approvalId: 'apr_1' }))
    expect([approvalOf(version)?.status, approvalOf(version, 'apr_2')?.status]).toEqual(['orphaned', 'pending'])
  })

  it('is not a request raised after the event', () => {
    const version = react(pendingOne(), raised('apr_2', 20, [open('apr_1')])).version
    expect(react(version, event('lane.session.started', 5, session([]))).drafts).toEqual([])
  })

  it.each(['runtime', 'app-server'] as const)('is never a manual request with source %s', (source) => {
    const version = pendingOne()
    const manual = {
      state: {
        ...(version.state as ApprovalsState),
        pending: (version.state?.pending ?? []).map((approval) => ({ ...approval, source, kind: 'manual' as const })),
      },
      seq: 1,
    }
    expect(react(manual, event('lane.session.stopped', 12, session([]))).drafts).toEqual([])
    expect(approvalOf(after(manual, decideResolution(manual, decide('approve'))))).toMatchObject({ status: 'approved', delivery: 'none' })
  })
})

describe('a lane created again under the same id', () => {
  const second = (id: string, seq: number) => event('lane.session.request.raised', seq, session([open(id)], 'evt_b'), raisedPayload(id))

  it('starts with no approvals', () => {
    const { version } = react(pendingOne(), second('apr_b', 30))
    expect(version.state).toMatchObject({ incarnation: 'evt_b', ended: [] })
    expect(version.state?.pending.map(({ approvalId }) => approvalId)).toEqual(['apr_b'])
  })

  it('keeps its approvals when events of the earlier lane are read again', () => {
    const { version } = react(pendingOne(), second('apr_b', 30))
    for (const old of [raised('apr_1', 10), raised('apr_0', 8), event('lane.session.stopped', 12, session([]))]) {
      expect(react(version, old).drafts, old.type).toEqual([])
    }
  })
})
