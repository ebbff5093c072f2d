import { readMethods } from '@codex-bridge/codex-client'
import type { ActiveThreads, LoadedThreads, ThreadTurn } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import { type ContractFixture, startContractFixture } from './contract-fixture.ts'

type Thread = {
  id: string
  name: string | null
  forkedFromId: string | null
  turns: { id: string; status: string }[]
  surface: string
  laneIds: string[]
}
type Refusal = { error: string; details: Record<string, unknown> }

let fixture: ContractFixture
let threadId: string

beforeAll(async () => {
  fixture = await startContractFixture()
}, 120_000)
beforeEach(() => fixture.disturb())
afterAll(() => fixture?.dispose())

const TURN = '/codex/threads/{threadId}/turns'
const act = <T = Record<string, unknown>>(action: string, status: number, body?: unknown, thread = threadId) =>
  fixture.call<T>('POST', `/codex/threads/{threadId}/${action}`, status, {
    path: { threadId: thread },
    ...(body !== undefined && { body }),
  })

const read = (thread = threadId): Promise<Thread> =>
  fixture.call('GET', '/codex/threads/{threadId}', 200, { path: { threadId: thread }, query: { includeTurns: 'true' } })

const loaded = async () => (await fixture.call<LoadedThreads>('GET', '/codex/threads/loaded', 200)).threads

/** Turns outside lanes have no events: the thread is given back when one is over. */
const untilGivenBack = (thread = threadId) =>
  waitFor(async () => !(await loaded()).some((held) => held.threadId === thread), {
    timeoutMs: SLOW_MS,
    describe: `${thread} to be given back`,
  })

const turn = async (input: string, thread = threadId) => {
  const { turnId } = await act<ThreadTurn>('turns/start', 202, { input }, thread)
  await untilGivenBack(thread)
  return turnId
}

describe('codex itself', () => {
  it('rpc passes reading methods through and refuses what leaves the sandbox', async () => {
    expect(await fixture.call('POST', '/codex/rpc', 200, { body: { method: 'thread/list', params: {} } })).toMatchObject({ data: [] })
    for (const method of ['fs/readFile', 'command/exec', 'thread/shellCommand', 'config/value/write', 'account/logout', 'no/such']) {
      const refused = await fixture.call<Refusal>('POST', '/codex/rpc', 403, { body: { method, params: {} } })
      expect(refused).toMatchObject({ error: 'rpc_method_forbidden', details: { method } })
    }
    expect(await fixture.call('POST', '/codex/rpc', 502, { body: { method: 'thread/list', params: { limit: 'x' } } })).toMatchObject({
      error: 'codex_error',
    })
  })

  it('app/list, skills/list and model/list', async () => {
    expect(await fixture.call('GET', '/codex/app/list', 200)).toHaveProperty('data')
    const cwd = fixture.workspace('skilled')
    expect(await fixture.call('GET', '/codex/skills/list', 200, { query: { cwds: cwd, forceReload: 'true' } })).toMatchObject({
      data: [{ cwd }],
    })
    const models = await fixture.call<{ data: unknown[] }>('GET', '/codex/model/list', 200, { query: { limit: '2' } })
    expect(models.data).toHaveLength(2)
  })
})

describe('threads without a lane', () => {
  it('start stores a named thread in the given folder, with the given model', async () => {
    const cwd = fixture.workspace('threads')
    const body = { model: 'gpt-5.5', cwd, name: 'By hand', approvalPolicy: 'never' }
    const started = await fixture.call<{ thread: Thread; model: string; approvalPolicy: string }>('POST', '/codex/threads/start', 201, {
      body,
    })
    expect(started).toMatchObject({ model: 'gpt-5.5', cwd, approvalPolicy: 'never' })
    threadId = started.thread.id
    expect(await read()).toMatchObject({ id: threadId, name: 'By hand', turns: [], surface: 'unknown', laneIds: [] })
    expect(await loaded()).toEqual([])
  })

  it('a turn runs, and the thread is listed, active and given back', async () => {
    const started = await act<ThreadTurn>('turns/start', 202, { input: '#say one', effort: 'low' })
    expect(started).toMatchObject({ laneId: null, sessionId: null, threadId, action: 'start', status: 'inProgress', seq: null })
    await untilGivenBack()
    expect((await read()).turns).toMatchObject([{ id: started.turnId, status: 'completed' }])
    const { threads } = await fixture.call<{ threads: Thread[] }>('GET', '/codex/threads', 200, {
      query: { limit: '200', sourceKinds: 'cli,vscode' },
    })
    expect(threads.map(({ id }) => id)).toEqual([threadId])
    expect((await fixture.call<{ threads: Thread[] }>('GET', '/codex/threads', 200, { query: { sourceKinds: 'exec' } })).threads).toEqual(
      [],
    )
    const active = await fixture.call<ActiveThreads>('GET', '/codex/active', 200)
    expect(active.threads).toMatchObject([
      { thread: { id: threadId }, surface: 'unknown', because: [expect.stringMatching(/^active \d+ s ago$/)] },
    ])
    expect(await fixture.call('GET', '/codex/running', 200)).toMatchObject({ mode: expect.stringMatching(/^(processes|inferred)$/) })
  })

  it('a second start while a turn runs is refused unless it names the turn; steer and interrupt', async () => {
    const { turnId } = await act<ThreadTurn>('turns/start', 202, { input: '#sleep 20000\n#say late' })
    expect(await loaded()).toEqual([{ threadId, laneId: null }])
    expect(await act('turns/start', 409, { input: 'x' })).toMatchObject({ error: 'turn_active', details: { turnId } })
    expect(await act('turns/start', 409, { input: 'x', expectedTurnId: 'other' })).toMatchObject({ error: 'turn_mismatch' })
    expect(await act('turns/start', 202, { input: 'more', expectedTurnId: turnId })).toMatchObject({ turnId })
    expect(await act('turns/steer', 202, { input: 'and more' })).toMatchObject({ turnId, status: 'steered' })
    expect(await act('turns/steer', 409, { input: 'x', expectedTurnId: 'other' })).toMatchObject({ error: 'turn_mismatch' })
    expect(await act('turns/interrupt', 409, { turnId: 'other' })).toMatchObject({ error: 'turn_mismatch' })
    expect(await act('turns/interrupt', 202, { turnId })).toMatchObject({ turnId, status: 'interrupting' })
    await untilGivenBack()
    expect((await read()).turns.at(-1)).toMatchObject({ id: turnId, status: 'interrupted' })
    expect(await act('turns/interrupt', 409, {})).toMatchObject({ error: 'no_active_turn' })
    expect(await act('turns/steer', 409, { input: 'x' })).toMatchObject({ error: 'no_active_turn' })
    expect(await act('turns/start', 409, { input: 'x', expectedTurnId: turnId })).toMatchObject({ error: 'turn_mismatch' })
  })

  it('a repeated start with the same key runs once', async () => {
    const before = (await read()).turns.length
    const again = () =>
      fixture.call<ThreadTurn>('POST', `${TURN}/start`, 202, {
        path: { threadId },
        body: { input: '#say once' },
        headers: { 'idempotency-key': 'once' },
      })
    expect((await again()).turnId).toBe((await again()).turnId)
    await untilGivenBack()
    expect((await read()).turns).toHaveLength(before + 1)
    const other = { path: { threadId }, body: { input: 'other' }, headers: { 'idempotency-key': 'once' } }
    expect(await fixture.call('POST', `${TURN}/start`, 422, other)).toMatchObject({ error: 'idempotency_key_reused' })
  })

  it('rollback drops the last turns: one by default, as many as asked for, all where there are fewer', async () => {
    const first = await turn('#say two')
    await turn('#say three')
    const before = (await read()).turns.length
    expect(await act('rollback', 200)).toMatchObject({ droppedTurns: 1, thread: { id: threadId } })
    expect((await read()).turns).toHaveLength(before - 1)
    expect((await read()).turns.at(-1)?.id).toBe(first)
    expect(await act('rollback', 200, { numTurns: 2 })).toMatchObject({ droppedTurns: 2 })
    expect((await read()).turns).toHaveLength(before - 3)
    expect(await act('rollback', 200, { numTurns: 100 })).toMatchObject({ droppedTurns: before - 3 })
    expect((await read()).turns).toEqual([])
    expect(await act('rollback', 200)).toMatchObject({ droppedTurns: 0 })
  })

  it('a legacy thread is rolled back by a codex that still can; else the answer offers the fork that does the same', async () => {
    const body = { cwd: fixture.workspace('legacy'), historyMode: 'legacy' }
    const { thread } = await fixture.call<{ thread: Thread }>('POST', '/codex/threads/start', 201, { body })
    await turn('#say old', thread.id)
    const second = await turn('#say older', thread.id)
    const abilities = await readMethods((await fixture.otherClient('abilities')).peer)
    if (abilities?.has('thread/rollback')) {
      expect(await act('rollback', 200, {}, thread.id)).toMatchObject({ droppedTurns: 1, thread: { id: thread.id } })
      expect((await read(thread.id)).turns).toHaveLength(1)
      return
    }
    const refused = await act<Refusal>('rollback', 502, {}, thread.id)
    const offer = { method: 'POST', path: `/codex/threads/${thread.id}/fork`, body: { beforeTurnId: second } }
    expect(refused).toMatchObject({ error: 'codex_error', details: { threadId: thread.id, offer } })
    const copy = await act<{ thread: Thread }>('fork', 200, offer.body, thread.id)
    expect((await read(copy.thread.id)).turns).toHaveLength(1)
  })

  it('fork makes a separate thread that is free at once', async () => {
    await turn('#say before the fork')
    const { thread } = await act<{ thread: Thread }>('fork', 200, {})
    expect(thread).toMatchObject({ forkedFromId: threadId })
    expect(await loaded()).toEqual([])
    await turn('#say in the copy', thread.id)
    expect((await read(thread.id)).turns).toHaveLength(2)
    expect((await read()).turns).toHaveLength(1)
  })

  it('archive, unarchive', async () => {
    await act('archive', 200)
    const listed = async () => (await fixture.call<{ threads: Thread[] }>('GET', '/codex/threads', 200)).threads.map(({ id }) => id)
    expect(await listed()).not.toContain(threadId)
    expect(await act('turns/start', 409, { input: 'x' })).toMatchObject({ error: 'readiness_blocked', details: { reason: 'archived' } })
    expect(await act('unarchive', 200)).toMatchObject({ thread: { id: threadId } })
    expect(await listed()).toContain(threadId)
    expect(await act('unarchive', 404)).toMatchObject({ error: 'thread_not_found' })
  })

  it('compact/start and its alias', async () => {
    for (const action of ['compact/start', 'compact']) {
      const before = fixture.model.requests.filter(({ isCompaction }) => isCompaction).length
      expect(await act(action, 200)).toEqual({})
      await untilGivenBack()
      expect(fixture.model.requests.filter(({ isCompaction }) => isCompaction)).toHaveLength(before + 1)
    }
  })

  it('an unknown thread is not found, whatever is asked of it', async () => {
    const nobody = '019a1b2c-0000-7000-8000-000000000000'
    for (const action of ['fork', 'archive', 'unarchive', 'rollback', 'compact']) {
      expect(await act(action, 404, undefined, nobody)).toMatchObject({ error: 'thread_not_found' })
    }
    expect(await act('turns/start', 404, { input: 'x' }, nobody)).toMatchObject({ error: 'thread_not_found' })
    await fixture.call('GET', '/codex/threads/{threadId}', 404, { path: { threadId: nobody } })
  })
})

describe('a thread held by a lane', () => {
  it('is driven through the session of the lane, with its events', async () => {
    const body = { laneId: 'holder', repoRoot: fixture.workspace('holder'), title: 'Held', kickoffPrompt: '#say one' }
    const { thread } = await fixture.call<{ thread: Thread }>('POST', '/codex/workflows/start-visible', 201, { body })
    await fixture.untilStatus('holder', 'done')
    expect(await loaded()).toEqual([{ threadId: thread.id, laneId: 'holder' }])
    expect(await read(thread.id)).toMatchObject({ laneIds: ['holder'] })
    const second = await act<ThreadTurn>('turns/start', 202, { input: '#sleep 20000', model: 'gpt-5.5' }, thread.id)
    expect(second).toMatchObject({ laneId: 'holder', sessionId: 'holder', action: 'start', seq: expect.any(Number) })
    expect(await act('turns/start', 409, { input: 'x' }, thread.id)).toMatchObject({ error: 'turn_active' })
    expect(await act('turns/start', 409, { input: 'x', expectedTurnId: 'other' }, thread.id)).toMatchObject({ error: 'turn_mismatch' })
    await act('turns/start', 202, { input: 'y', expectedTurnId: second.turnId }, thread.id)
    await act('turns/steer', 202, { input: 'z' }, thread.id)
    await fixture.untilEvent('holder', 'lane.turn.steered', ({ payload }) => payload['input'] === 'z')
    await act('turns/interrupt', 202, { turnId: second.turnId }, thread.id)
    await fixture.untilStatus('holder', 'interrupted')
    expect(await act('turns/start', 409, { input: 'x', expectedTurnId: second.turnId }, thread.id)).toMatchObject({
      error: 'turn_mismatch',
    })
    expect(await act('rollback', 200, { numTurns: 1 }, thread.id)).toMatchObject({ droppedTurns: 1 })
    expect((await read(thread.id)).turns).toHaveLength(1)
    await act('compact', 200, {}, thread.id)
    await fixture.untilEvent('holder', 'lane.turn.started', ({ payload }) => payload['origin'] === 'codex')
    await fixture.untilStatus('holder', 'done')
    const copy = (await act<{ thread: Thread }>('fork', 200, {}, thread.id)).thread
    await fixture.call('POST', '/lanes/attach', 201, { body: { laneId: 'copied', threadId: copy.id, readinessMode: 'strict' } })
    await fixture.call('POST', '/lanes/{laneId}/prompt', 202, { path: { laneId: 'copied' }, body: { input: '#say copied' } })
    await fixture.untilStatus('copied', 'done')
  })

  it('is archived under the lane, and can be prompted again when it was brought back', async () => {
    const { threadId: held } = await fixture.call<{ threadId: string }>('GET', '/lanes/{laneId}', 200, { path: { laneId: 'copied' } })
    const path = { laneId: 'copied' }
    await act('archive', 200, undefined, held)
    const refused = await fixture.call<Refusal>('POST', '/lanes/{laneId}/prompt', 409, { path, body: { input: 'x' } })
    expect(refused).toMatchObject({ error: 'readiness_blocked', details: { reason: 'archived' } })
    await act('unarchive', 200, undefined, held)
    await fixture.call('POST', '/lanes/{laneId}/prompt', 202, { path, body: { input: '#say back again' } })
    await fixture.untilEvent('copied', 'lane.turn.completed', ({ payload }) => payload['finalMessage'] === 'back again')
  })
})

it('every route of codex was called here', () => {
  expect(fixture.uncalled((operation) => / \/codex\//.test(operation))).toEqual([])
})
