import type { ActiveThreads, ErrorBody, Lane, Session, StartVisibleResult } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import { type ContractFixture, startContractFixture } from './contract-fixture.ts'

let fixture: ContractFixture

beforeAll(async () => {
  fixture = await startContractFixture()
}, 120_000)
beforeEach(() => fixture.disturb())
afterAll(() => fixture?.dispose())

const active = async (query: Record<string, string>) => (await fixture.call<ActiveThreads>('GET', '/codex/active', 200, { query })).threads
const session = (laneId: string): Promise<Session> => fixture.call('GET', '/lanes/{laneId}/session/status', 200, { path: { laneId } })
const attach = (body: object, status = 201) => fixture.call<Lane & ErrorBody>('POST', '/lanes/attach', status, { body })
const promptUntilDone = async (laneId: string, input: string) => {
  await fixture.call('POST', '/lanes/{laneId}/prompt', 202, { path: { laneId }, body: { input } })
  await fixture.untilStatus(laneId, 'running', 'done')
  return await fixture.untilStatus(laneId, 'done')
}

describe('takeover of a thread made by codex exec', () => {
  let threadId: string

  it('is found by GET /codex/active, by surface and originator', async () => {
    const exec = await fixture.exec('Remember the word heliotrope\n#say I remember', fixture.workspace('exec'))
    expect(await exec.exited, exec.output()).toMatchObject({ code: 0 })
    const [found] = await active({ windowSec: '3600', surface: 'cli', sourceKinds: 'exec' })
    expect(found).toMatchObject({ surface: 'cli', laneIds: [], thread: { originator: 'codex_exec', cwd: fixture.workspace('exec') } })
    threadId = found?.thread.id ?? ''
    expect(await active({ source: 'exec', originator: 'codex_exec' })).toHaveLength(1)
    expect(await active({ originator: 'codex-tui' })).toEqual([])
    expect(await active({ surface: 'mac-app' })).toEqual([])
  })

  it('is refused where another surface is required, and attached where it fits', async () => {
    const body = { laneId: 'lane-takeover', threadId, requirePreferredSurface: true, readinessMode: 'strict' }
    expect(await attach({ ...body, preferredSurface: 'mac-app' }, 409)).toMatchObject({
      error: 'readiness_blocked',
      details: { reason: 'surface_mismatch', surface: 'cli' },
    })
    const lane = await attach({ ...body, preferredSurface: 'cli', projectId: 'takeover', acceptanceCriteria: ['continued'] })
    expect(lane).toMatchObject({ threadId, surface: 'cli', status: 'idle', repoRoot: fixture.workspace('exec'), projectId: 'takeover' })
    expect(await attach({ ...body, preferredSurface: 'cli' }, 409)).toMatchObject({ error: 'lane_exists' })
    expect(await fixture.untilEvent('lane-takeover', 'lane.attached')).toMatchObject({ threadId })
  })

  it('is started and prompted, in the context it had', async () => {
    const path = { laneId: 'lane-takeover' }
    expect(await fixture.call('POST', '/lanes/{laneId}/session/start', 200, { path })).toMatchObject({
      running: true,
      threadId,
      readinessDeferred: false,
    })
    await promptUntilDone('lane-takeover', '#say continued')
    const request = fixture.model.requests.filter((asked) => asked.threadId === threadId).at(-1)
    expect(JSON.stringify(request?.body)).toContain('heliotrope')
    expect(await active({ preferredSurface: 'cli' })).toMatchObject([
      { laneIds: ['lane-takeover'], because: [expect.any(String), 'preferred surface cli', 'attached to lane-takeover'] },
    ])
    const other = await attach({ laneId: 'second', threadId }, 409)
    expect(other).toMatchObject({ error: 'lane_attached_elsewhere', details: { laneId: 'lane-takeover' } })
  })

  it('sync-from-codex takes over what the thread says of itself', async () => {
    await fixture.call('POST', '/codex/rpc', 200, { body: { method: 'thread/name/set', params: { threadId, name: 'Renamed elsewhere' } } })
    const lane = await fixture.call<Lane>('POST', '/lanes/{laneId}/sync-from-codex', 200, { path: { laneId: 'lane-takeover' } })
    expect(lane).toMatchObject({ title: 'Renamed elsewhere', surface: 'cli' })
    await fixture.call('POST', '/lanes', 201, { body: { laneId: 'threadless' } })
    await fixture.call('POST', '/lanes/{laneId}/sync-from-codex', 404, { path: { laneId: 'threadless' } })
  })

  it('the longest key a command may have is enough for all of its steps', async () => {
    await fixture.call('DELETE', '/lanes/{laneId}', 204, {
      path: { laneId: 'lane-takeover' },
      headers: { 'idempotency-key': 'd'.repeat(128) },
    })
    const body = { laneId: 'long-key', threadId, kickoffPrompt: '#say once' }
    const request = { body, headers: { 'idempotency-key': 'k'.repeat(128) } }
    const first = await fixture.call<StartVisibleResult>('POST', '/codex/workflows/start-visible', 201, request)
    await fixture.untilStatus('long-key', 'done')
    const again = await fixture.call<StartVisibleResult>('POST', '/codex/workflows/start-visible', 201, request)
    expect(again.turn?.turnId).toBe(first.turn?.turnId)
    expect(await fixture.events('long-key', 'lane.turn.completed')).toHaveLength(1)
  })

  it('an unknown thread cannot be attached', async () => {
    expect(await attach({ threadId: '019a1b2c-0000-7000-8000-000000000000' }, 404)).toMatchObject({ error: 'thread_not_found' })
  })
})

describe('takeover of a thread that another program has open', () => {
  let threadId: string
  let release: () => Promise<unknown>

  it('is found first where its originator is preferred', async () => {
    const desktop = await fixture.otherClient('Codex Desktop')
    release = () => desktop.stop()
    const { thread } = await desktop.peer.call('thread/start', { cwd: fixture.workspace('desktop') })
    await desktop.peer.call('turn/start', { threadId: thread.id, input: [{ type: 'text', text: '#say hello', text_elements: [] }] })
    threadId = thread.id
    const query = { windowSec: '3600', preferredSurface: 'mac-app', preferOriginator: 'Codex Desktop' }
    const first = await waitFor(async () => (await active(query)).find((entry) => entry.thread.id === threadId), { timeoutMs: SLOW_MS })
    expect(first).toMatchObject({ surface: 'mac-app', because: expect.arrayContaining(['preferred originator Codex Desktop']) })
    expect((await active(query))[0]?.thread.id).toBe(threadId)
  })

  it('strict: refused with the reason and what can be done, and the lane says that it is blocked', async () => {
    await attach({ laneId: 'lane-desktop', threadId, preferredSurface: 'mac-app', requirePreferredSurface: true, readinessMode: 'strict' })
    const path = { laneId: 'lane-desktop' }
    const refused = await fixture.call<ErrorBody>('POST', '/lanes/{laneId}/session/start', 409, { path })
    expect(refused).toMatchObject({ error: 'readiness_blocked', details: { reason: 'active_writer', threadId } })
    expect((refused.details as { offers: string[] }).offers.join()).toMatch(/fork/)
    const lane = await fixture.untilStatus('lane-desktop', 'blocked')
    expect(lane.blockedReason?.code).toBe('active_writer')
    expect(await fixture.call('POST', '/lanes/{laneId}/prompt', 409, { path, body: { input: 'x' } })).toMatchObject({
      error: 'readiness_blocked',
    })
    const body = { laneId: 'strict-visible', threadId, readinessMode: 'strict', kickoffPrompt: 'x' }
    expect(await fixture.call('POST', '/codex/workflows/start-visible', 409, { body })).toMatchObject({ error: 'readiness_blocked' })
    expect(
      await fixture.call('POST', '/codex/threads/{threadId}/turns/start', 409, { path: { threadId }, body: { input: 'x' } }),
    ).toMatchObject({
      error: 'readiness_blocked',
      details: { reason: 'active_writer' },
    })
  })

  it('lenient: attached with the deferral said, the kickoff skipped with its event', async () => {
    const body = {
      laneId: 'lenient',
      threadId,
      preferredSurface: 'any',
      requirePreferredSurface: false,
      readinessMode: 'lenient',
      kickoffPrompt: 'go on',
    }
    const begun = await fixture.call<StartVisibleResult>('POST', '/codex/workflows/start-visible', 201, { body })
    expect(begun).toMatchObject({
      session: { readinessDeferred: true, readinessReason: 'active_writer' },
      thread: { id: threadId },
      turn: null,
    })
    const skipped = await fixture.untilEvent('lenient', 'lane.turn.skipped.readiness_deferred')
    expect(skipped.payload).toMatchObject({ reason: 'active_writer' })
    expect(await fixture.call('POST', '/lanes/{laneId}/prompt', 409, { path: { laneId: 'lenient' }, body: { input: 'x' } })).toMatchObject({
      error: 'readiness_blocked',
    })
    expect((await fixture.events('lenient', 'lane.turn.requested')).length).toBe(0)
  })

  it('fork works all the same', async () => {
    const { thread } = await fixture.call<{ thread: { id: string } }>('POST', '/codex/threads/{threadId}/fork', 200, {
      path: { threadId },
      body: {},
    })
    await attach({ laneId: 'forked', threadId: thread.id })
    await promptUntilDone('forked', '#say from the copy')
  })

  it('becomes ready when the other program lets go', async () => {
    await release()
    await waitFor(async () => !(await session('lenient')).readinessDeferred, { timeoutMs: SLOW_MS, describe: 'the thread to be ready' })
    await promptUntilDone('lenient', '#say taken over')
    const path = { laneId: 'lenient' }
    expect(await fixture.call('POST', '/lanes/{laneId}/session/stop', 200, { path })).toMatchObject({ running: false })
    expect(await fixture.call('POST', '/lanes/{laneId}/session/start', 200, { path: { laneId: 'lane-desktop' } })).toMatchObject({
      running: true,
    })
  })
})

it('both routes of takeover were called here', () => {
  expect(fixture.uncalled((operation) => /(attach|sync-from-codex)$/.test(operation))).toEqual([])
})
