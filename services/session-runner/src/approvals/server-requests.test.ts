import type { Approval } from '@codex-bridge/contracts'
import { beforeEach, describe, expect, it } from 'vitest'
import { type SessionFixture, sessionFixture } from '../../test/session-fixture.ts'
import { closeRequestsOfTurn, deliverDecision, forgetRequest, raiseRequest } from './server-requests.ts'

const COMMAND = { threadId: 'own', turnId: 'turn-1', itemId: 'item-1', command: 'ls' }

let session: SessionFixture
beforeEach(() => {
  session = sessionFixture()
})

const raise = (requestId: number, params = COMMAND) =>
  raiseRequest(session.context, requestId, 'item/commandExecution/requestApproval', params)
const types = () => session.aggregate.drafts.map(({ type }) => type)
const approvalOf = (index: number): Approval =>
  ({ approvalId: session.aggregate.state.requests[index]?.approvalId, decision: { decision: 'approve' }, request: {} }) as Approval

describe('a request of Codex', () => {
  it('is raised, answered with the decision, and closed', () => {
    raise(7)
    expect([...session.context.requests.waitingThreads]).toEqual(['own'])
    deliverDecision(session.context, approvalOf(0))
    expect(session.responses).toEqual([{ id: 7, result: { decision: 'accept' } }])
    expect(types()).toEqual(['lane.session.request.raised', 'lane.session.request.answered'])
    expect(session.context.requests.waitingThreads.size).toBe(0)
  })

  it('that nobody can decide is refused at once and shown', () => {
    raiseRequest(session.context, 8, 'item/tool/call', { threadId: 'own' })
    expect(session.responses).toEqual([{ id: 8, error: expect.objectContaining({ code: -32_601 }) as { code: number } }])
    expect(session.aggregate.drafts[0]?.payload).toMatchObject({ method: 'item/tool/call', params: { answered: 'not supported' } })
  })

  it('ends with its turn; a later decision is not delivered', () => {
    raise(7)
    raise(9, { ...COMMAND, turnId: 'turn-2' })
    const approval = approvalOf(0)
    closeRequestsOfTurn(session.context, 'turn-1')
    deliverDecision(session.context, approval)
    expect(session.responses).toEqual([])
    expect(session.aggregate.state.requests.map(({ requestId }) => requestId)).toEqual([9])
  })

  it('that Codex settled no longer waits for a person', () => {
    raise(7)
    forgetRequest(session.context, 7)
    expect(session.context.requests.waitingThreads.size).toBe(0)
  })
})
