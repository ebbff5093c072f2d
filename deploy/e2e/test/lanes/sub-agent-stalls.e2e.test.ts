import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import { type BridgeFixture, startBridgeFixture } from '../support/bridge-fixture.ts'
import { Lanes } from '../support/lanes-fixture.ts'

let fixture: BridgeFixture
let lanes: Lanes

beforeAll(async () => {
  fixture = await startBridgeFixture({ serviceEnv: { 'session-runner': { BRIDGE_TURN_STALL_SEC: '3' } } })
  lanes = new Lanes(fixture)
})

afterAll(async () => {
  await fixture?.dispose()
})

test('a turn that waits for a sub-agent with a pending approval is not stalled', async () => {
  await lanes.start('patient', { kickoffPrompt: '#spawn #ask-run true\\n#say thanks\n#wait-agents\n#say worth the wait' })
  const [approval] = await lanes.untilAsked('patient')
  const askedAt = Date.now()
  await waitFor(() => Date.now() - askedAt > 5000, { timeoutMs: SLOW_MS })
  expect(await lanes.lane('patient')).toMatchObject({ status: 'needs_approval' })
  await lanes.post('patient', `approvals/${approval?.approvalId}/approve`)
  expect((await lanes.until('patient', 'lane.turn.completed')).payload).toMatchObject({
    status: 'completed',
    finalMessage: 'worth the wait',
  })
  expect(await lanes.events('patient', 'lane.turn.stalled')).toEqual([])
  expect((await lanes.session('patient')).subAgents).toMatchObject([{ status: 'completed' }])
})

test('a pending approval of an unrelated sub-agent does not keep a hanging turn from being stalled', async () => {
  await lanes.start('hanging', { kickoffPrompt: '#spawn #ask-run true\n#hang' })
  await lanes.untilAsked('hanging')
  const end = await lanes.until('hanging', 'lane.turn.completed')
  expect(end.payload).toMatchObject({ status: 'failed', cause: 'stalled' })
  expect((await lanes.events('hanging', 'lane.turn.stalled')).length).toBe(1)
  await lanes.until('hanging', 'lane.approval.orphaned')
  expect(await lanes.untilStatus('hanging', 'failed')).toMatchObject({ statusReason: { code: 'turn_stalled' }, pendingApprovals: 0 })
})

test('a sub-agent that hangs after its parent’s turn is interrupted, and the lane stays done', async () => {
  await lanes.start('left-alone')
  const { seq } = await lanes.turn('left-alone', '#spawn #hang\n#say done here')
  const ended = await lanes.until('left-alone', 'lane.subagent.changed', {
    after: seq,
    where: ({ payload }) => payload['cause'] === 'stalled',
  })
  expect(ended.payload).toMatchObject({ details: { kind: 'no_progress' } })
  await lanes.until('left-alone', 'lane.subagent.changed', { after: seq, where: ({ payload }) => payload['status'] === 'interrupted' })
  expect(await lanes.lane('left-alone')).toMatchObject({ status: 'done' })
  expect(await lanes.events('left-alone', 'lane.turn.stalled')).toEqual([])
})
