import { ApprovalsState, type BridgeError, guard } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import {
  after,
  approvalOf,
  codeOf,
  decide,
  event,
  LATER,
  NOTHING,
  pendingOne,
  raised,
  react,
  session,
} from '../../test/support/approval-builders.ts'
import { type DecideRequest, decideResolution } from './resolution-decider.ts'

describe('a decision', () => {
  it('is stored with its delivery pending, and the first one wins', () => {
    const version = pendingOne()
    const draft = decideResolution(version, decide('approve', 'cmd-1', { note: 'fine' }))
    expect(draft).toMatchObject({
      type: 'lane.approval.resolved',
      commandId: 'cmd-1',
      payload: { status: 'approved', decision: { decision: 'approve' } },
    })
    const decided = after(version, draft)
    expect(approvalOf(decided)).toMatchObject({ status: 'approved', delivery: 'pending', decidedBy: 'cmd-1', resolvedAt: LATER })
    expect(guard(ApprovalsState)(decided.state)).toBe(true)
    const late = (() => {
      try {
        decideResolution(decided, decide('deny', 'cmd-2'))
      } catch (error) {
        return error as BridgeError
      }
      return undefined
    })()
    expect(late).toMatchObject({
      code: 'approval_already_resolved',
      status: 409,
      details: { status: 'approved', decision: { decision: 'approve', note: 'fine' } },
    })
  })

  it('changes nothing if the same command repeats it, and is refused with another answer under the same key', () => {
    const version = pendingOne()
    const decided = after(version, decideResolution(version, decide('approve')))
    expect(decideResolution(decided, decide('approve'))).toBeUndefined()
    expect(codeOf(() => decideResolution(decided, decide('deny')))).toBe('idempotency_key_reused')
    expect(codeOf(() => decideResolution(decided, decide('approve', 'cmd-1', { scope: 'session' })))).toBe('idempotency_key_reused')
    const two = react(decided, raised('apr_2', 12)).version
    expect(codeOf(() => decideResolution(two, decide('approve', 'cmd-1', {}, 'apr_2')))).toBe('idempotency_key_reused')
  })

  it('needs an approval that exists and is pending', () => {
    expect(codeOf(() => decideResolution(NOTHING, decide('approve')))).toBe('approval_not_found')
    expect(codeOf(() => decideResolution(pendingOne(), decide('approve', 'c', {}, 'apr_9')))).toBe('approval_not_found')
    const gone = react(
      pendingOne(),
      event('lane.session.request.closed', 11, session([]), { approvalId: 'apr_1', reason: 'The turn ended' }),
    ).version
    expect(codeOf(() => decideResolution(gone, decide('approve')))).toBe('approval_orphaned')
  })

  it.each<[string, Record<string, unknown>, DecideRequest['action'], DecideRequest['body'], string]>([
    ['approve that says deny', {}, 'approve', { decision: 'deny' }, 'validation_error'],
    ['deny that says approve', {}, 'deny', { decision: 'approve' }, 'validation_error'],
    ['deny that cancels', {}, 'deny', { decision: 'cancel' }, 'no error'],
    ['approve for the session', {}, 'approve', { scope: 'session' }, 'no error'],
    ['questions approved without answers', { kind: 'user_input' }, 'approve', {}, 'validation_error'],
    ['questions approved with answers', { kind: 'user_input' }, 'approve', { answers: { q: ['yes'] } }, 'no error'],
    ['questions denied without answers', { kind: 'user_input' }, 'deny', {}, 'no error'],
    [
      'a form with required fields approved empty',
      { kind: 'mcp_elicitation', request: { requestedSchema: { required: ['a'] } } },
      'approve',
      {},
      'validation_error',
    ],
    [
      'a form with required fields filled in',
      { kind: 'mcp_elicitation', request: { requestedSchema: { required: ['a'] } } },
      'approve',
      { content: { a: 1 } },
      'no error',
    ],
    ['a form without required fields', { kind: 'mcp_elicitation', request: { requestedSchema: {} } }, 'approve', {}, 'no error'],
    ['a form whose schema was cut when it was stored', { kind: 'mcp_elicitation', request: undefined }, 'approve', {}, 'no error'],
    ['an answer over the size limit', { kind: 'user_input' }, 'approve', { answers: { q: ['x'.repeat(100_000)] } }, 'validation_error'],
  ])('%s: %s', (_what, more, action, body, code) => {
    const version = pendingOne(more)
    expect(codeOf(() => decideResolution(version, decide(action, 'c', body)))).toBe(code)
  })

  it('counts cancel as denied', () => {
    const version = pendingOne()
    expect(approvalOf(after(version, decideResolution(version, decide('deny', 'c', { decision: 'cancel' }))))).toMatchObject({
      status: 'denied',
      decision: { decision: 'cancel' },
    })
  })
})
