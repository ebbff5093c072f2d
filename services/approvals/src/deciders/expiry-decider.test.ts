import { describe, expect, it } from 'vitest'
import {
  after,
  approvalOf,
  codeOf,
  decide,
  event,
  LATER,
  NOTHING,
  NOW,
  pendingOne,
  react,
  session,
} from '../../test/support/approval-builders.ts'
import { decideExpiry } from './expiry-decider.ts'
import { decideResolution } from './resolution-decider.ts'

describe('expiry', () => {
  it('denies a due approval once, and is delivered like a decision', () => {
    const version = pendingOne({}, LATER)
    expect(decideExpiry(version, 'apr_1', NOW)).toBeUndefined()
    const draft = decideExpiry(version, 'apr_1', LATER)
    expect(draft).toMatchObject({ type: 'lane.approval.expired', payload: { status: 'expired', decision: { decision: 'deny' } } })
    const expired = after(version, draft)
    expect(decideExpiry(expired, 'apr_1', LATER)).toBeUndefined()
    expect(codeOf(() => decideResolution(expired, decide('approve')))).toBe('approval_already_resolved')
    const { version: delivered } = react(expired, event('lane.session.request.answered', 12, session([]), { approvalId: 'apr_1' }))
    expect(approvalOf(delivered)).toMatchObject({ status: 'expired', delivery: 'delivered' })
  })

  it('ignores approvals that have no deadline or were decided', () => {
    expect(decideExpiry(pendingOne(), 'apr_1', LATER)).toBeUndefined()
    const version = pendingOne({}, NOW)
    expect(decideExpiry(after(version, decideResolution(version, decide('approve'))), 'apr_1', LATER)).toBeUndefined()
    expect(decideExpiry(NOTHING, 'apr_1', LATER)).toBeUndefined()
  })
})
