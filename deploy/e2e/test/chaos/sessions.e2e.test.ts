import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Lane, TurnReceipt } from '@codex-bridge/contracts'
import { findAppServers, rawSocket, waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import { type BridgeFixture, startBridgeFixture } from '../support/bridge-fixture.ts'
import { Lanes } from '../support/lanes-fixture.ts'
import { type Observers, observe } from '../support/observers-fixture.ts'
import { expectNothingLost, expectTruth, promptPatiently } from './chaos-fixture.ts'

const CROWD = ['alpha', 'beta', 'gamma']

let fixture: BridgeFixture
let lanes: Lanes
let observers: Observers

beforeAll(async () => {
  fixture = await startBridgeFixture()
  lanes = new Lanes(fixture)
  observers = await observe(fixture)
  for (const laneId of CROWD) await lanes.start(laneId)
})

afterAll(async () => {
  await observers?.close()
  await fixture?.dispose()
})

const underWay = (text: string) =>
  waitFor(() => fixture.model.requests.some(({ prompt }) => prompt.startsWith(text)), { timeoutMs: SLOW_MS, describe: `${text} to run` })

const listed = async (): Promise<Lane[]> => {
  const answer = await fixture.http.get<{ lanes: Lane[] }>('/lanes')
  if (answer.status !== 200) throw new Error(answer.text)
  return answer.body.lanes
}

const flushRedis = async (): Promise<void> => {
  const { port, password } = new URL(fixture.bridge.redisUrl)
  expect(await rawSocket(Number(port), `AUTH ${decodeURIComponent(password)}\r\nFLUSHALL\r\n`)).toBe('+OK\r\n+OK\r\n')
}

const untilListed = async (before: Lane[]): Promise<number> => {
  const startedAt = performance.now()
  await waitFor(async () => (await listed()).length === before.length, { timeoutMs: SLOW_MS, describe: 'the lanes to be listed again' })
  return Math.round(performance.now() - startedAt)
}

test('Redis is flushed while turns run: lanes and sessions are restored from the log', async () => {
  const turns = await Promise.all(CROWD.map((laneId) => lanes.prompt(laneId, `flushed ${laneId}\n#sleep 700\n#say unmoved`)))
  const before = await listed()
  const seen = observers.streamed()
  await flushRedis()
  const tookMs = await untilListed(before)
  for (const [index, laneId] of CROWD.entries()) {
    expect((await lanes.completion(laneId, turns[index]?.commandId ?? '')).payload).toMatchObject({ status: 'completed' })
    await lanes.untilStatus(laneId, 'done')
  }
  expect((await fixture.http.get<{ sessions: unknown[] }>('/lanes/sessions')).body.sessions.length).toBe(CROWD.length)
  await expectNothingLost(lanes, observers, seen)
  await expectTruth(fixture, lanes, CROWD)
  process.stdout.write(`FLUSHALL: ${before.length} lanes listed again after ${tookMs} ms\n`)
})

test('Redis stops and loses its data: lanes are restored, and reads of single lanes work in the meantime', async () => {
  const before = await listed()
  const turn = await lanes.prompt('alpha', 'without redis\n#sleep 700\n#say unmoved')
  await fixture.bridge.stopProcess('redis')
  const meanwhile = await waitFor(() => lanes.lane('alpha'), { timeoutMs: SLOW_MS, describe: 'a lane without Redis' })
  expect(meanwhile.laneId).toBe('alpha')
  expect((await fixture.http.get<{ error: string }>('/lanes')).body.error).toBe('store_unavailable')
  expect((await lanes.completion('alpha', turn.commandId)).payload).toMatchObject({ status: 'completed' })
  await fixture.bridge.startProcess('redis')
  await flushRedis()
  const tookMs = await untilListed(before)
  const after = await waitFor(async () => (await listed()).every(({ status }) => status === 'done') && (await listed()), {
    timeoutMs: SLOW_MS,
  })
  expect(after.map(({ laneId, threadId }) => [laneId, threadId])).toEqual(before.map(({ laneId, threadId }) => [laneId, threadId]))
  process.stdout.write(`Redis ended, started empty: ${before.length} lanes listed again after ${tookMs} ms\n`)
})

test('kill -9 of a codex process in a turn: the turn is interrupted with its cause, and the session recovers with its history', async () => {
  await lanes.turn('beta', 'the colour is teal\n#say noted')
  const { commandId } = await lanes.prompt('beta', 'doomed\n#say half\n#run true\n#hang')
  await lanes.until('beta', 'lane.item.completed.notification', { where: ({ payload }) => JSON.stringify(payload).includes('"half"') })
  const { pid, threadId, epoch } = await lanes.session('beta')
  const seen = observers.streamed()
  process.kill(pid ?? 0, 'SIGKILL')
  const killedAt = performance.now()
  const completed = await lanes.completion('beta', commandId)
  expect(completed.payload).toMatchObject({ status: 'interrupted', cause: 'session_lost' })
  const recovered = await lanes.until('beta', 'lane.session.recovered', { after: completed.seq })
  const tookMs = Math.round(performance.now() - killedAt)
  const [lost] = await lanes.events('beta', 'lane.session.lost')
  expect(lost?.payload).toMatchObject({ reason: 'process_exited', message: expect.stringContaining('SIGKILL') })
  expect(await lanes.untilStatus('beta', 'interrupted')).toMatchObject({ statusReason: { code: 'session_lost' }, activeTurnId: null })
  await lanes.untilShown('beta', { status: 'interrupted', sessionRunning: true })
  const session = await lanes.session('beta')
  expect(session).toMatchObject({ running: true, threadId })
  expect(session.epoch).toBeGreaterThan(epoch)
  expect(recovered.payload['pid']).toBe(session.pid)

  expect((await lanes.turn('beta', 'which colour?\n#say teal')).payload).toMatchObject({ status: 'completed', finalMessage: 'teal' })
  const [request] = fixture.model.requests.filter(({ prompt }) => prompt.startsWith('which colour?'))
  expect(JSON.stringify(request?.body)).toContain('the colour is teal')
  await expectNothingLost(lanes, observers, seen)
  await expectTruth(fixture, lanes, CROWD)
  process.stdout.write(`kill -9 of codex: session recovered after ${tookMs} ms\n`)
})

test('kill -9 of idle codex processes: three recoveries, then the lane fails with crash_loop until the next prompt', async () => {
  await lanes.start('looping')
  const killOnce = async (round: number): Promise<void> => {
    const { pid } = await lanes.session('looping')
    process.kill(pid ?? 0, 'SIGKILL')
    await waitFor(async () => (await lanes.events('looping', 'lane.session.lost')).length > round, { timeoutMs: SLOW_MS })
  }
  for (let round = 0; round < 3; round += 1) {
    await killOnce(round)
    await waitFor(async () => (await lanes.events('looping', 'lane.session.recovered')).length > round, { timeoutMs: SLOW_MS })
    await waitFor(async () => (await lanes.session('looping')).running, { timeoutMs: SLOW_MS })
  }
  await killOnce(3)
  expect(await lanes.untilStatus('looping', 'failed')).toMatchObject({ statusReason: { code: 'crash_loop' }, sessionRunning: false })
  expect((await lanes.turn('looping', '#say up again')).payload).toMatchObject({ status: 'completed' })
  await lanes.post('looping', 'session/stop')
})

test('kill -9 of the runner with a pending approval: the approval is orphaned and the lane stops waiting', async () => {
  const file = join(fixture.workspace('gamma'), 'never')
  const { commandId } = await lanes.prompt('gamma', `asked\n#ask-run touch ${file}\n#say never said`)
  const [approval] = await lanes.untilAsked('gamma')
  await lanes.untilStatus('gamma', 'needs_approval')
  const seen = observers.streamed()
  await fixture.bridge.kill('session-runner')
  await fixture.bridge.ready('session-runner')
  const orphaned = await lanes.until('gamma', 'lane.approval.orphaned')
  expect(orphaned.payload).toMatchObject({ approvalId: approval?.approvalId, status: 'orphaned' })
  expect((await lanes.completion('gamma', commandId)).payload).toMatchObject({ status: 'interrupted', cause: 'session_lost' })
  const late = await lanes.post('gamma', `approvals/${approval?.approvalId}/approve`)
  expect([late.status, late.body.error], late.text).toEqual([409, 'approval_orphaned'])
  await lanes.untilShown('gamma', { status: 'interrupted', pendingApprovals: 0 })
  await lanes.until('gamma', 'lane.session.recovered')
  const { receipt } = await promptPatiently(lanes, 'gamma', '#say life goes on', 'gamma-next')
  expect((await lanes.completion('gamma', receipt.commandId)).payload).toMatchObject({ status: 'completed', finalMessage: 'life goes on' })
  expect(existsSync(file)).toBe(false)
  await expectNothingLost(lanes, observers, seen)
  await expectTruth(fixture, lanes, CROWD)
})

test('a prompt right after kill -9 of the runner: it waits for the next runner, and the lane is never blocked', async () => {
  const seen = observers.streamed()
  await fixture.bridge.kill('session-runner')
  const sentAt = performance.now()
  const answer = await lanes.post<TurnReceipt>('alpha', 'prompt', { input: 'right after the kill\n#say served' })
  const tookMs = Math.round(performance.now() - sentAt)
  expect(answer.status, answer.text).toBe(202)
  expect((await lanes.completion('alpha', answer.body.commandId)).payload).toMatchObject({ status: 'completed', finalMessage: 'served' })
  await lanes.untilStatus('alpha', 'done')
  expect(await lanes.events('alpha', 'lane.blocked')).toEqual([])
  await expectNothingLost(lanes, observers, seen)
  await expectTruth(fixture, lanes, CROWD)
  process.stdout.write(`prompt to a runner that was just killed: answered after ${tookMs} ms\n`)
})

test('kill -9 of approvals with a pending approval: a later decision reaches Codex', async () => {
  const file = join(fixture.workspace('gamma'), 'approved-later')
  const { commandId } = await lanes.prompt('gamma', `patient\n#ask-run touch ${file}\n#say at last`)
  const [approval] = await lanes.untilAsked('gamma')
  await fixture.bridge.kill('approvals')
  await fixture.bridge.ready('approvals')
  const answer = await lanes.post('gamma', `approvals/${approval?.approvalId}/approve`)
  expect(answer.status, answer.text).toBe(200)
  expect((await lanes.completion('gamma', commandId)).payload).toMatchObject({ status: 'completed', finalMessage: 'at last' })
  expect(existsSync(file)).toBe(true)
  await lanes.until('gamma', 'lane.approval.delivered')
  const requests = await lanes.events('gamma', 'lane.approval.requested')
  expect(requests.filter(({ payload }) => payload['approvalId'] === approval?.approvalId).length).toBe(1)
})

test('the whole bridge restarts: lanes, events and webhooks are kept, and the next prompt works', async () => {
  const before = await listed()
  const events = await Promise.all(CROWD.map((laneId) => lanes.events(laneId)))
  const { webhook } = observers
  const doomed = await lanes.prompt('alpha', 'cut by the stop\n#hang')
  await underWay('cut by the stop')
  const stoppedAt = performance.now()
  await fixture.stop()
  const startedAt = performance.now()
  expect(findAppServers(fixture.codexHome)).toEqual([])
  await fixture.start()
  const tookMs = Math.round(performance.now() - startedAt)

  expect((await fixture.http.get<{ webhooks: unknown[] }>('/webhooks')).body.webhooks).toMatchObject([{ id: webhook.id, url: webhook.url }])
  await untilListed(before)
  expect((await listed()).map(({ laneId, threadId }) => [laneId, threadId])).toEqual(
    before.map(({ laneId, threadId }) => [laneId, threadId]),
  )
  for (const [index, laneId] of CROWD.entries()) {
    expect((await lanes.events(laneId)).slice(0, events[index]?.length)).toEqual(events[index])
  }
  expect((await lanes.completion('alpha', doomed.commandId)).payload).toMatchObject({ status: 'interrupted' })
  for (const laneId of CROWD) {
    const delivered = observers.delivered(laneId).length
    expect((await lanes.turn(laneId, '#say new day')).payload).toMatchObject({ status: 'completed', finalMessage: 'new day' })
    await waitFor(() => observers.delivered(laneId).length > delivered, { timeoutMs: SLOW_MS, describe: 'deliveries after the restart' })
  }
  await expectTruth(fixture, lanes, CROWD)
  process.stdout.write(`whole bridge: stopped in ${Math.round(startedAt - stoppedAt)} ms, healthy again after ${tookMs} ms\n`)
})
