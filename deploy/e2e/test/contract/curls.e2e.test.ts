import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import { CURLS, readCurl } from './contract-curls.ts'
import { type ContractFixture, startContractFixture } from './contract-fixture.ts'

type Answer = Record<string, unknown>

let fixture: ContractFixture

beforeAll(async () => {
  fixture = await startContractFixture()
  // The prompts of the contract hold no script: those that are steered afterwards have to last.
  fixture.model.on(
    ({ prompt }) => /continue (execution|from latest plan)/i.test(prompt),
    [
      { kind: 'sleep', ms: 20_000 },
      { kind: 'say', text: 'late' },
    ],
  )
}, 120_000)
beforeEach(() => fixture.disturb())
afterAll(() => fixture?.dispose())

const run = async (printed: string, status: number, threadId?: string): Promise<Answer> => {
  const { method, path, headers, body } = readCurl(printed, threadId)
  const answer = await fixture.http.raw<Answer>(method, path, { headers, timeoutMs: SLOW_MS, ...(body !== undefined && { body }) })
  expect(answer.status, `${printed}\n${answer.text}`).toBe(status)
  return answer.body
}

/** A thread of another program, which has let go of it. */
const threadOf = async (program: string): Promise<string> => {
  const client = await fixture.otherClient(program)
  const { thread } = await client.peer.call('thread/start', { cwd: fixture.workspace(program) })
  await client.peer.call('turn/start', { threadId: thread.id, input: [{ type: 'text', text: '#say hello', text_elements: [] }] })
  const isOver = async () =>
    (await client.peer.request<{ data: { status: string }[] }>('thread/turns/list', { threadId: thread.id })).data.some(
      ({ status }) => status === 'completed',
    )
  await waitFor(isOver, { timeoutMs: SLOW_MS, describe: `the turn of ${program}` })
  await client.stop()
  return thread.id
}

it('health, and a webhook of every kind', async () => {
  expect(await run(CURLS.health, 200)).toMatchObject({ status: 'ok' })
  const kinds: unknown[] = []
  for (const printed of CURLS.webhooks) {
    const { id, scopeKinds, enabled } = await run(printed, 201)
    expect(enabled).toBe(true)
    kinds.push(scopeKinds)
    await fixture.call('DELETE', '/webhooks/{id}', 204, { path: { id: String(id) } })
  }
  expect(kinds).toEqual([[], ['lane'], ['lane'], ['thread'], ['lane', 'thread', 'session'], []])
})

it('start a new visible lane', async () => {
  expect(await run(CURLS.startVisible, 201)).toMatchObject({ lane: { laneId: 'lane-new' }, thread: { name: 'Bridge managed lane' } })
  await fixture.untilStatus('lane-new', 'done')
})

it('attach an existing thread, start its session, drive it', async () => {
  const threadId = await threadOf('codex_vscode')
  expect(await run(CURLS.attachAny, 201, threadId)).toMatchObject({ laneId: 'lane-takeover', threadId, surface: 'vscode' })
  expect(await run(CURLS.startTakeover, 200)).toMatchObject({ running: true, threadId })
  for (const printed of CURLS.driveTakeover) await run(printed, 202)
  await fixture.untilStatus('lane-takeover', 'interrupted')
})

it('clean up: what is younger than asked for stays', async () => {
  expect(await run(CURLS.cleanup, 200)).toMatchObject({ dryRun: false, matched: 0, deleted: 0 })
})

it('find what Desktop drives, attach it strictly, drive it', async () => {
  const threadId = await threadOf('Codex Desktop')
  const { threads } = (await run(CURLS.active, 200)) as { threads: { thread: { id: string } }[] }
  expect(threads[0]?.thread.id).toBe(threadId)
  expect(await run(CURLS.attachDesktop, 201, threadId)).toMatchObject({ laneId: 'lane-desktop', surface: 'mac-app' })
  expect(await run(CURLS.startDesktop, 200)).toMatchObject({ running: true, readinessMode: 'strict' })
  for (const printed of CURLS.driveDesktop) await run(printed, 202)
  await fixture.untilStatus('lane-desktop', 'interrupted')
})

it('take a thread over in one step', async () => {
  await fixture.call('DELETE', '/lanes/{laneId}', 204, { path: { laneId: 'lane-takeover' } })
  const threadId = await threadOf('codex-tui')
  const answer = await run(CURLS.takeOver, 201, threadId)
  expect(answer).toMatchObject({ lane: { laneId: 'lane-takeover', threadId }, session: { readinessDeferred: false }, turn: null })
})

it('reconcile what is stale', async () => {
  expect(await run(CURLS.reconcile, 200)).toMatchObject({ clearedLanes: [], recoveredSessions: [] })
})
