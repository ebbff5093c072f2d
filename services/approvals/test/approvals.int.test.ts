import { MAX_PAYLOAD_BYTES, type OpenRequest } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ApprovalService } from '../src/approval-service.ts'
import { ApprovalsFixture } from './support/approvals-fixture.ts'

let fixture: ApprovalsFixture
beforeAll(async () => {
  fixture = await ApprovalsFixture.start()
})
afterAll(() => fixture.stop())
beforeEach(() => fixture.createLane())

const decide = (service: ApprovalService, action: 'approve' | 'deny', commandId: string, approvalId = 'apr_1') =>
  service.decide({ commandId, laneId: fixture.laneId, approvalId, action, body: {} })

describe('the approvals service', () => {
  it('lets one of many concurrent decisions win and names the winner to the others', async () => {
    const leader = fixture.lead()
    const other = fixture.service()
    await fixture.raise('apr_1')
    await fixture.untilPending(leader.service, 1)
    const decisions = Array.from({ length: 6 }, (_, index) =>
      decide(index % 2 ? other : leader.service, index % 2 ? 'deny' : 'approve', `cmd-${index}`),
    )
    const outcomes = await Promise.allSettled(decisions)
    const winners = outcomes.filter((outcome) => outcome.status === 'fulfilled')
    expect(winners).toHaveLength(1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'approval_already_resolved' })
    }
    expect(await fixture.history()).toEqual(['lane.approval.requested', 'lane.approval.resolved'])
    await leader.stop()
  })

  it('continues where it stopped: it asks nothing twice and ends approvals whose request closed meanwhile', async () => {
    const first = fixture.lead()
    await fixture.raise('apr_1')
    await fixture.untilPending(first.service, 1)
    await first.stop()
    await fixture.raise('apr_2', [fixture.openRequest('apr_1')])
    await fixture.appendSession('lane.session.request.closed', [fixture.openRequest('apr_2')], {
      approvalId: 'apr_1',
      reason: 'The turn ended',
    })
    const second = fixture.lead()
    await waitFor(async () => (await fixture.history()).length === 3)
    expect(await fixture.history()).toEqual(['lane.approval.requested', 'lane.approval.requested', 'lane.approval.orphaned'])
    expect((await fixture.list(second.service)).map(({ approvalId, status }) => [approvalId, status])).toEqual([
      ['apr_1', 'orphaned'],
      ['apr_2', 'pending'],
    ])
    await second.stop()
  })

  it('denies approvals that nobody decides in time, also after a restart', async () => {
    const first = fixture.lead(1)
    await fixture.raise('apr_1')
    await fixture.untilPending(first.service, 1)
    await first.stop()
    const second = fixture.lead(1)
    await waitFor(async () => (await fixture.list(second.service))[0]?.status === 'expired', { timeoutMs: 6000 })
    expect(await fixture.history()).toEqual(['lane.approval.requested', 'lane.approval.expired'])
    await second.stop()
  })

  it('expires an approval that a process which does not lead created', async () => {
    const leader = fixture.lead(1)
    const approval = await fixture.service(1).request({ commandId: 'cmd-manual', body: { laneId: fixture.laneId } })
    expect(approval).toMatchObject({ status: 'pending', kind: 'manual' })
    await waitFor(async () => (await fixture.list(leader.service))[0]?.status === 'expired', { timeoutMs: 6000 })
    await leader.stop()
  })

  it('handles requests of the largest size, and many of them', async () => {
    const leader = fixture.lead()
    const requests: OpenRequest[] = []
    const largest = { method: 'item/fileChange/requestApproval', changes: 'x'.repeat(MAX_PAYLOAD_BYTES / 2 - 4096) }
    for (let index = 0; index < 12; index += 1) {
      await fixture.raise(`apr_${index}`, requests, largest)
      requests.push(fixture.openRequest(`apr_${index}`))
    }
    await fixture.untilPending(leader.service, 12)
    expect((await decide(leader.service, 'approve', 'cmd-1', 'apr_11')).status).toBe('approved')
    await fixture.appendSession('lane.session.lost', [], { reason: 'process_exited' }, { phase: 'lost' })
    // The approved one is no longer pending, but was not delivered: it ends too.
    const orphaned = async () => (await fixture.history()).filter((type) => type === 'lane.approval.orphaned').length
    await waitFor(async () => (await orphaned()) >= 12)
    expect(await orphaned()).toBe(12)
    await leader.stop()
  })

  it('shows no approvals of a deleted lane, nor of an earlier lane with the same id', async () => {
    const leader = fixture.lead()
    await fixture.raise('apr_1')
    await fixture.untilPending(leader.service, 1)
    await fixture.appendLane('lane.deleted')
    await expect(fixture.list(leader.service)).rejects.toMatchObject({ code: 'lane_not_found' })
    await fixture.appendLane('lane.created', 'evt_b')
    expect(await fixture.list(leader.service)).toEqual([])
    await leader.stop()
    expect((await fixture.log.last(fixture.laneId, 'approval'))?.state.incarnation).toBe('evt_a')
  })
})
