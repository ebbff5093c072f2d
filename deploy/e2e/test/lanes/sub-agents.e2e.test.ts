import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { EventEnvelope, SubAgent, ThreadChild } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import { type BridgeFixture, startBridgeFixture } from '../support/bridge-fixture.ts'
import { Lanes } from '../support/lanes-fixture.ts'

type ShownThread = { id: string; laneIds: string[]; parentThreadId: string | null; children: ThreadChild[] }

let fixture: BridgeFixture
let lanes: Lanes

beforeAll(async () => {
  fixture = await startBridgeFixture()
  lanes = new Lanes(fixture)
})

afterAll(async () => {
  await fixture?.dispose()
})

const made = (laneId: string): string => join(fixture.workspace(laneId), 'made')

/** Waits until a lane's only sub-agent matches. */
const untilAgent = (laneId: string, wanted: Partial<SubAgent>): Promise<SubAgent> =>
  waitFor(
    async () => {
      const { subAgents } = await lanes.session(laneId)
      expect(subAgents).toMatchObject([wanted])
      return subAgents[0] as SubAgent
    },
    { timeoutMs: SLOW_MS, intervalMs: 50, describe: `the sub-agent of ${laneId} to show ${JSON.stringify(wanted)}` },
  )

const typesOf = (events: readonly EventEnvelope[], ...types: string[]) => events.filter(({ type }) => types.includes(type))

/** The statuses a lane went through. */
const statusesOf = (events: readonly EventEnvelope[]): unknown[] =>
  events.filter(({ payload, type }) => payload['to'] !== undefined && type.startsWith('lane.')).map(({ payload }) => payload['to'])

describe('a sub-agent that works while its parent waits for it', () => {
  let parent: string
  let child: SubAgent
  let events: EventEnvelope[]

  beforeAll(async () => {
    await lanes.start('family')
    const { payload } = await lanes.turn('family', '#spawn #run echo hello\\n#say said by the child\n#wait-agents\n#say said by the parent')
    expect(payload).toMatchObject({ status: 'completed', finalMessage: 'said by the parent' })
    await lanes.untilStatus('family', 'done')
    child = await untilAgent('family', { status: 'completed', nickname: expect.any(String) as string })
    parent = String((await lanes.session('family')).threadId)
    events = await lanes.events('family')
  })

  test('emits events of the lane with its own thread id', () => {
    const own = events.filter(({ threadId }) => threadId === child.threadId)
    expect(own.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['lane.turn.started.notification', 'lane.item.completed.notification', 'lane.turn.completed.notification']),
    )
    const said = own.find(({ payload }) => JSON.stringify(payload).includes('said by the child') && payload['method'] === 'item/completed')
    expect(said).toMatchObject({ laneId: 'family', sessionId: 'family', turnId: child.turnId })
    expect(own.every(({ type }) => type.endsWith('.notification') || type === 'lane.subagent.changed')).toBe(true)
  })

  test('ends no turn of the lane', () => {
    const ends = typesOf(events, 'lane.turn.completed')
    expect(ends).toMatchObject([{ threadId: parent }])
    expect(ends[0]?.turnId).not.toBe(child.turnId)
    expect(typesOf(events, 'lane.turn.completed.notification').map(({ threadId }) => threadId)).toEqual([child.threadId, parent])
    expect(typesOf(events, 'lane.completed')).toHaveLength(1)
    expect(typesOf(events, 'lane.turn.started')).toHaveLength(1)
  })

  test('is listed with the session, with its name and activity', () => {
    expect(child).toMatchObject({ parentThreadId: parent, status: 'completed', role: null })
    const news = typesOf(events, 'lane.subagent.changed')
    expect(news.map(({ payload }) => payload['status'])).toEqual(['running', 'running', 'completed'])
    expect(news.map(({ payload }) => payload['nickname'])).toEqual([null, child.nickname, child.nickname])
    expect(new Set(news.map(({ threadId }) => threadId))).toEqual(new Set([child.threadId]))
  })

  test('and its parent refer to each other in every list of threads', async () => {
    const children = [{ threadId: child.threadId, nickname: child.nickname, role: null, status: 'completed' }]
    const read = async (id: string) => (await fixture.http.get<ShownThread>(`/codex/threads/${id}`)).body
    expect(await read(parent)).toMatchObject({ parentThreadId: null, children, laneIds: ['family'] })
    expect(await read(child.threadId)).toMatchObject({ parentThreadId: parent, children: [], laneIds: ['family'] })
    const listed = async (query: string) => (await fixture.http.get<{ threads: ShownThread[] }>(`/codex/threads${query}`)).body.threads
    expect((await listed('')).find(({ id }) => id === parent)).toMatchObject({ children })
    const spawned = await listed('?sourceKinds=subAgentThreadSpawn')
    expect(spawned.find(({ id }) => id === child.threadId)).toMatchObject({ parentThreadId: parent, laneIds: ['family'] })
    const { body } = await fixture.http.get<{ threads: (ShownThread & { thread: { id: string } })[] }>('/codex/active')
    const active = new Map(body.threads.map((each) => [each.thread.id, each]))
    expect(active.get(parent)).toMatchObject({ parentThreadId: null, children })
    expect(active.get(child.threadId)).toMatchObject({ parentThreadId: parent, laneIds: ['family'] })
  })
})

describe('a question of a sub-agent', () => {
  test('puts the lane into needs_approval, and the decision reaches the sub-agent', async () => {
    const prompt = `#spawn #ask-run touch ${made('asks')}\\n#say child did {result}\n#wait-agents\n#say over`
    await lanes.start('asks', { kickoffPrompt: prompt })
    const [approval] = await lanes.untilAsked('asks')
    const child = await untilAgent('asks', { status: 'running' })
    expect(approval).toMatchObject({ laneId: 'asks', kind: 'command', threadId: child.threadId, turnId: child.turnId })
    expect(await lanes.untilStatus('asks', 'needs_approval')).toMatchObject({ pendingApprovals: 1 })
    expect((await lanes.post('asks', `approvals/${approval?.approvalId}/approve`)).status).toBe(200)
    expect((await lanes.until('asks', 'lane.turn.completed')).payload).toMatchObject({ status: 'completed', finalMessage: 'over' })
    await lanes.untilStatus('asks', 'done')
    expect(existsSync(made('asks'))).toBe(true)
    expect(await lanes.until('asks', 'lane.approval.delivered')).toMatchObject({ threadId: child.threadId })
  })

  test('that outlives its parent’s turn keeps the lane waiting; then the outcome of the turn shows again', async () => {
    await lanes.start('late', { kickoffPrompt: `#spawn #sleep 500\\n#ask-run touch ${made('late')}\n#say the parent is done` })
    const [approval] = await lanes.untilAsked('late')
    const waiting = await lanes.untilStatus('late', 'needs_approval')
    expect(waiting).toMatchObject({
      activeTurnId: null,
      statusReason: { code: 'approval', details: { approvalId: approval?.approvalId, threadId: approval?.threadId } },
    })
    expect(typesOf(await lanes.events('late'), 'lane.completed')).toHaveLength(1)

    const between = await lanes.turn('late', '#say in between')
    expect(between.payload).toMatchObject({ finalMessage: 'in between' })
    await lanes.until('late', 'lane.completed', { after: between.seq })
    await lanes.untilStatus('late', 'needs_approval')

    expect((await lanes.post('late', `approvals/${approval?.approvalId}/approve`)).status).toBe(200)
    expect(await lanes.untilStatus('late', 'done')).toMatchObject({ statusReason: null, pendingApprovals: 0 })
    await untilAgent('late', { status: 'completed' })
    expect(existsSync(made('late'))).toBe(true)
    const events = await lanes.events('late')
    expect(typesOf(events, 'lane.turn.completed')).toHaveLength(2)
    expect(typesOf(events, 'lane.completed')).toHaveLength(2)
    expect(statusesOf(events).at(-1)).toBe('done')
  })
})

describe('the end of a lane', () => {
  test('by interrupt ends the turns and approvals of its sub-agents', async () => {
    await lanes.start('broken-off', { kickoffPrompt: '#spawn #ask-run true\n#spawn #run sleep 4711\n#wait-agents\n#say never' })
    await lanes.untilAsked('broken-off')
    await lanes.untilStatus('broken-off', 'needs_approval')
    await waitFor(() => fixture.children('sleep 4711').length > 0, { timeoutMs: SLOW_MS, describe: 'the command of a sub-agent' })
    expect((await lanes.post('broken-off', 'interrupt')).status).toBe(202)
    expect((await lanes.until('broken-off', 'lane.turn.completed')).payload).toMatchObject({ status: 'interrupted', cause: 'operator' })
    await lanes.until('broken-off', 'lane.approval.orphaned')
    await lanes.untilStatus('broken-off', 'interrupted')
    await waitFor(() => fixture.children('sleep 4711').length === 0, { timeoutMs: SLOW_MS, describe: 'that command to end' })
    await waitFor(async () => (await lanes.session('broken-off')).subAgents.every(({ status }) => status === 'interrupted'), {
      timeoutMs: SLOW_MS,
      describe: 'the sub-agents to be interrupted',
    })
    const events = await lanes.events('broken-off')
    const [end] = typesOf(events, 'lane.interrupted')
    expect(statusesOf(events.filter(({ seq }) => seq > Number(end?.seq)))).toEqual([])
    expect(typesOf(events, 'lane.turn.completed')).toHaveLength(1)
    expect((await lanes.turn('broken-off', '#say goes on')).payload).toMatchObject({ status: 'completed', finalMessage: 'goes on' })
  })

  test('can be that of a sub-agent alone, by its thread or when nothing else runs', async () => {
    await lanes.start('left-over')
    const spawned = (n: number) => `#spawn #run sleep 471${n}\n#say the parent is done`
    await lanes.turn('left-over', spawned(2))
    const first = await untilAgent('left-over', { status: 'running' })
    const answer = await fixture.http.post(`/codex/threads/${first.threadId}/turns/interrupt`, {})
    expect(answer.status, answer.text).toBe(202)
    await untilAgent('left-over', { threadId: first.threadId, status: 'interrupted' })

    await lanes.turn('left-over', spawned(3))
    const running = () => lanes.session('left-over').then(({ subAgents }) => subAgents.filter(({ status }) => status === 'running'))
    await waitFor(async () => (await running()).length === 1, { timeoutMs: SLOW_MS })
    const interrupted = await lanes.post('left-over', 'interrupt', {}, 'end-them')
    expect(interrupted.status, interrupted.text).toBe(202)
    await waitFor(async () => (await running()).length === 0, { timeoutMs: SLOW_MS })
    expect(await lanes.post('left-over', 'interrupt', {}, 'end-them')).toMatchObject({ status: 202, body: { commandId: 'end-them' } })
    expect((await lanes.post('left-over', 'interrupt')).body).toMatchObject({ error: 'no_active_turn' })
    expect(await lanes.lane('left-over')).toMatchObject({ status: 'done' })
    await waitFor(() => fixture.children('sleep 4713').length === 0, { timeoutMs: SLOW_MS })
  })

  test('by stop ends its sub-agents and orphans their approvals', async () => {
    await lanes.start('stopped', { kickoffPrompt: '#spawn #ask-run true\n#say the parent is done' })
    await lanes.untilAsked('stopped')
    await lanes.untilStatus('stopped', 'needs_approval')
    expect((await lanes.post('stopped', 'session/stop')).status).toBe(200)
    await lanes.until('stopped', 'lane.approval.orphaned')
    await lanes.untilStatus('stopped', 'done', 'idle')
    expect(await lanes.lane('stopped')).toMatchObject({ status: 'done', sessionRunning: false, pendingApprovals: 0 })
    await untilAgent('stopped', { status: 'interrupted' })
  })

  test('by the death of its process ends its sub-agents, and the lane recovers without their approvals', async () => {
    await lanes.start('killed', { kickoffPrompt: '#spawn #ask-run true\n#wait-agents\n#say never' })
    await lanes.untilAsked('killed')
    await untilAgent('killed', { status: 'running' })
    const { pid } = await lanes.session('killed')
    process.kill(pid ?? 0, 'SIGKILL')
    expect((await lanes.until('killed', 'lane.turn.completed')).payload).toMatchObject({ status: 'interrupted', cause: 'session_lost' })
    await lanes.until('killed', 'lane.approval.orphaned')
    await lanes.until('killed', 'lane.session.recovered')
    await untilAgent('killed', { status: 'interrupted' })
    expect(await lanes.approvals('killed')).toMatchObject([{ status: 'orphaned' }])
    await lanes.untilStatus('killed', 'interrupted')
    expect((await lanes.turn('killed', '#say alive')).payload).toMatchObject({ status: 'completed', finalMessage: 'alive' })
    expect(typesOf(await lanes.events('killed'), 'lane.turn.completed')).toHaveLength(2)
  })
})
