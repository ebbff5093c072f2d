import { findAppServers, waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import { type BridgeFixture, startBridgeFixture } from '../support/bridge-fixture.ts'
import { Lanes } from '../support/lanes-fixture.ts'

let fixture: BridgeFixture
let lanes: Lanes

beforeAll(async () => {
  fixture = await startBridgeFixture({ serviceEnv: { 'session-runner': { BRIDGE_TURN_STALL_SEC: '2', BRIDGE_IDLE_HIBERNATE_SEC: '2' } } })
  lanes = new Lanes(fixture)
})

afterAll(async () => {
  await fixture?.dispose()
})

test('a turn without progress is stalled, interrupted, and fails with its cause', async () => {
  await lanes.start('stalled')
  const { payload } = await lanes.turn('stalled', '#say one word\n#hang')
  const [stalled] = await lanes.events('stalled', 'lane.turn.stalled')
  expect(stalled?.payload).toMatchObject({ kind: 'no_progress' })
  expect(stalled?.payload['afterMs']).toBeGreaterThanOrEqual(2000)
  expect(payload).toMatchObject({ status: 'failed', cause: 'stalled', error: { code: 'turn_stalled' }, finalMessage: 'one word' })
  expect(await lanes.untilStatus('stalled', 'failed')).toMatchObject({ statusReason: { code: 'turn_stalled' }, activeTurnId: null })
  expect((await lanes.events('stalled', 'lane.turn.completed')).length).toBe(1)
  expect((await lanes.turn('stalled', '#say moves again')).payload).toMatchObject({ status: 'completed' })
})

test('time spent waiting for an approval does not count as a stall', async () => {
  // A command that no version of Codex runs without asking.
  await lanes.start('patient', { kickoffPrompt: '#ask-run touch asked\n#say it was worth the wait' })
  const [approval] = await lanes.untilAsked('patient')
  const askedAt = Date.now()
  await waitFor(() => Date.now() - askedAt > 3500, { timeoutMs: SLOW_MS })
  expect(await lanes.lane('patient')).toMatchObject({ status: 'needs_approval', sessionRunning: true })
  await lanes.post('patient', `approvals/${approval?.approvalId}/approve`)
  const completed = await lanes.until('patient', 'lane.turn.completed')
  expect(completed.payload).toMatchObject({ status: 'completed', finalMessage: 'it was worth the wait' })
  expect(await lanes.events('patient', 'lane.turn.stalled')).toEqual([])
})

test('an idle session hibernates without a process, and a prompt resumes it with its history', async () => {
  await lanes.start('sleepy')
  await lanes.turn('sleepy', 'the secret word is plum\n#say noted')
  const { pid, threadId } = await lanes.session('sleepy')
  const hibernated = await lanes.until('sleepy', 'lane.session.hibernated')
  expect(hibernated.payload).toMatchObject({ why: 'idle' })
  expect(findAppServers(fixture.codexHome).map((info) => info.pid)).not.toContain(pid)
  const phaseOf = async () => (await lanes.session('sleepy')).phase
  await waitFor(async () => (await phaseOf()) === 'hibernated', { timeoutMs: SLOW_MS, describe: 'the session to show it' })
  expect(await lanes.lane('sleepy')).toMatchObject({ status: 'done', sessionRunning: false, threadId })

  expect((await lanes.turn('sleepy', 'which word?\n#say good morning')).payload).toMatchObject({ finalMessage: 'good morning' })
  expect(await lanes.session('sleepy')).toMatchObject({ threadId })
  const [request] = fixture.model.requests.filter(({ prompt }) => prompt.startsWith('which word?'))
  expect(JSON.stringify(request?.body)).toContain('the secret word is plum')
  expect(await lanes.events('sleepy', 'lane.session.lost')).toEqual([])
})
