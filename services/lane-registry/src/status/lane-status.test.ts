import { LANE_STATUSES } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import { eventOf, NOW } from '../../test/lane-samples.ts'
import { initialStatus, nextStatus, type StatusFields } from './lane-status.ts'

const LATER = '2026-01-01T00:01:00.000Z'
const at = (status: StatusFields['status'], code?: string): StatusFields => ({
  ...initialStatus(NOW),
  status,
  statusReason: code === undefined ? null : { code, message: code },
})
const question = { approvalId: 'apr_1', threadId: 'child', reason: 'Run it?' } as never

describe('nextStatus', () => {
  it.each(LANE_STATUSES)('%s: a correction always takes effect, once', (status) => {
    const cause = { kind: 'correction', status: 'blocked', reason: { code: 'no_runner', message: 'none' } } as const
    const next = nextStatus(at(status, 'other'), cause, LATER)
    expect(next).toMatchObject({ status: 'blocked', statusReason: { code: 'no_runner' }, statusSince: LATER, resting: null })
    expect(nextStatus(next as StatusFields, cause, LATER)).toBeUndefined()
  })

  it.each(LANE_STATUSES)('%s: completed by hand is done', (status) => {
    expect(nextStatus(at(status), { kind: 'completed-by-hand', note: null }, LATER)).toMatchObject({
      status: 'done',
      statusReason: { code: 'debug_completed' },
    })
  })

  it.each(LANE_STATUSES)('%s: a worktree unblocks only a lane that waited for it', (status) => {
    const waited = nextStatus(at(status, 'worktree_blocked'), { kind: 'worktree-ready' }, LATER)
    expect(waited?.status).toBe(status === 'blocked' ? 'idle' : undefined)
    expect(nextStatus(at(status, 'usage_limit'), { kind: 'worktree-ready' }, LATER)).toBeUndefined()
  })

  it.each(LANE_STATUSES)('%s: a question covers it, and its answer uncovers the same', (status) => {
    const covered = nextStatus(at(status, 'why'), { kind: 'question', question }, LATER)
    if (status === 'starting' || status === 'needs_approval') {
      expect(covered).toBeUndefined()
      return
    }
    expect(covered).toMatchObject({ status: 'needs_approval', resting: { status } })
    expect(nextStatus(covered as StatusFields, { kind: 'question', question: undefined }, LATER)).toMatchObject({
      status,
      statusReason: { code: 'why' },
      resting: null,
    })
  })

  it('keeps the time of a status that stays, and cuts a reason that is too long', () => {
    const event = eventOf('lane.turn.completed', 5, { status: 'failed', error: { code: 'turn_failed', message: 'x'.repeat(10_000) } })
    const failed = nextStatus(at('failed'), { kind: 'event', event }, LATER)
    expect(failed).toMatchObject({ status: 'failed', statusSince: NOW })
    expect(failed?.statusReason?.message.length).toBeLessThan(5000)
  })
})
