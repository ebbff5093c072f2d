import { BridgeError } from '@codex-bridge/contracts'
import { newCommandId } from '@codex-bridge/service-kit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createLane, eventsOf, type Registry, type Rig, say, startRig } from './registry-fixture.ts'
import { ScriptedRunner } from './scripted-runner.ts'

let rig: Rig
let registry: Registry
beforeAll(async () => {
  rig = await startRig()
  registry = await rig.registry()
})
afterAll(() => rig.stop())

let runner: ScriptedRunner
beforeEach(() => {
  runner = new ScriptedRunner(rig)
})
afterEach(() => runner.close())

const start = (laneId: string, commandId = newCommandId()) => registry.lanes.startSession({ commandId, laneId })
const statusOf = async (laneId: string) => (await registry.queries.lane(laneId, (await rig.log.extent()).lastSeq)).status

describe('create', () => {
  it('answers the lane, once per command, also without a lane id', async () => {
    const commandId = newCommandId()
    const first = await registry.lanes.create({ commandId, body: { title: 'a' } })
    const again = await registry.lanes.create({ commandId, body: { title: 'a' } })
    expect(again).toEqual(first)
    await expect(registry.lanes.create({ commandId, body: { title: 'b' } })).rejects.toMatchObject({ code: 'idempotency_key_reused' })
    await expect(createLane(registry, first.laneId)).rejects.toMatchObject({ code: 'lane_exists' })
    expect(await eventsOf(rig, first.laneId)).toHaveLength(1)
  })

  it('of two that race for one id one wins', async () => {
    const outcomes = await Promise.allSettled([createLane(registry, 'raced'), createLane(registry, 'raced'), createLane(registry, 'raced')])
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('a late retry after the deletion does not bring the lane back', async () => {
    const commandId = newCommandId()
    await registry.lanes.create({ commandId, body: { laneId: 'late' } })
    await registry.lanes.delete({ commandId: newCommandId(), laneId: 'late' })
    await expect(registry.lanes.create({ commandId, body: { laneId: 'late' } })).rejects.toMatchObject({ code: 'lane_not_found' })
    expect((await eventsOf(rig, 'late')).map(({ type }) => type)).toEqual(['lane.created', 'lane.deleted'])
  })
})

describe('start', () => {
  it('claims a runner once, however many ask at a time, and answers the live session afterwards', async () => {
    await runner.open()
    await createLane(registry, 'started')
    const sessions = await Promise.all([start('started'), start('started'), start('started')])
    expect(sessions.map(({ running }) => running)).toEqual([true, true, true])
    expect((await start('started')).running).toBe(true)
    expect(runner.asked).toEqual(['claim'])
    expect(await statusOf('started')).toBe('running')
  })

  it('without any runner: no_runner, and the lane says why it is blocked', async () => {
    await createLane(registry, 'alone')
    await expect(start('alone')).rejects.toMatchObject({ code: 'no_runner' })
    const lane = await registry.queries.lane('alone', (await rig.log.extent()).lastSeq)
    expect(lane).toMatchObject({ status: 'blocked', blockedReason: { code: 'no_runner' } })
    await runner.open()
    await start('alone')
    expect(await statusOf('alone')).toBe('running')
  })

  it('passes over a runner that is full; when all are, the lane says so', async () => {
    const full = new ScriptedRunner(rig)
    full.refuse = new BridgeError('no_runner', 'Runner full-1 is full')
    await full.open()
    try {
      await createLane(registry, 'crowded')
      await expect(start('crowded')).rejects.toMatchObject({ code: 'no_runner', message: 'Runner full-1 is full' })
      expect(await registry.queries.lane('crowded', (await rig.log.extent()).lastSeq)).toMatchObject({
        blockedReason: { code: 'no_runner' },
      })
      await runner.open()
      await start('crowded')
      expect(await statusOf('crowded')).toBe('running')
    } finally {
      await full.close()
    }
  })

  it('recovers a session whose owner is gone', async () => {
    await runner.open()
    await createLane(registry, 'orphan')
    await say(rig, 'orphan', 'lane.session.claimed', { phase: 'claimed' }, { purpose: 'start' })
    await say(rig, 'orphan', 'lane.session.started', { phase: 'live' })
    expect((await start('orphan')).running).toBe(true)
    expect(runner.asked).toEqual(['recover'])
  })

  it('starts it also where runners are told not to resume by themselves', async () => {
    runner.policy = 'stop'
    await runner.open()
    await createLane(registry, 'by-hand')
    await say(rig, 'by-hand', 'lane.session.claimed', { phase: 'claimed' }, { purpose: 'start' })
    await say(rig, 'by-hand', 'lane.session.started', { phase: 'live' })
    expect((await start('by-hand')).running).toBe(true)
    await registry.lanes.stopSession({ commandId: newCommandId(), laneId: 'by-hand' })
    expect(await statusOf('by-hand')).toBe('idle')
  })

  it('of a lane that does not exist is refused', async () => {
    await expect(start('nobody')).rejects.toMatchObject({ code: 'lane_not_found' })
  })
})

describe('start-visible', () => {
  it('gives lane, session, thread and turn, and a retry the same lane', async () => {
    await runner.open()
    const request = { commandId: newCommandId(), body: { laneId: 'visible', kickoffPrompt: 'go' } }
    const result = await registry.takeover.startVisible(request)
    expect(result).toMatchObject({
      lane: { laneId: 'visible', status: 'running' },
      session: { running: true },
      thread: { id: 'thread-visible' },
      turn: { turnId: 'turn-1' },
    })
    expect((await registry.takeover.startVisible(request)).lane.laneId).toBe('visible')
    expect((await eventsOf(rig, 'visible')).filter(({ type }) => type === 'lane.created')).toHaveLength(1)
  })
})

describe('delete', () => {
  it('stops the session first', async () => {
    await runner.open()
    await createLane(registry, 'deleted')
    await start('deleted')
    const commandId = newCommandId()
    const first = await registry.lanes.delete({ commandId, laneId: 'deleted' })
    const types = (await eventsOf(rig, 'deleted')).map(({ type }) => type)
    expect(types.indexOf('lane.session.stopped')).toBeGreaterThan(0)
    expect(types.indexOf('lane.session.stopped')).toBeLessThan(types.indexOf('lane.deleted'))
    expect((await registry.lanes.delete({ commandId, laneId: 'deleted' })).seq).toBe(first.seq)
    await expect(registry.lanes.delete({ commandId: newCommandId(), laneId: 'deleted' })).rejects.toMatchObject({
      code: 'lane_not_found',
    })
  })
})

describe('a worktree', () => {
  const repoRoot = '/srv/app'
  const create = (laneId: string, commandId = newCommandId()) =>
    registry.lanes.create({ commandId, body: { laneId, repoRoot, worktree: true } })
  const payloadOf = async (laneId: string, type: string) =>
    (await eventsOf(rig, laneId, 'lane')).findLast((event) => event.type === type)?.payload
  const blocked = () => new BridgeError('worktree_blocked', 'no room', { details: { reason: 'git_failed' } })

  it('is stored with the lane before it is made, and made once', async () => {
    await runner.open()
    const commandId = newCommandId()
    const lane = await create('grown', commandId)
    expect(lane).toMatchObject({ worktreePath: '/srv/worktrees/grown', branch: 'grown', worktree: { state: 'ready' } })
    expect(await create('grown', commandId)).toEqual(lane)
    expect(runner.asked).toEqual(['plan-worktree', 'create-worktree'])
    expect(await payloadOf('grown', 'lane.created')).toMatchObject({ worktree: { state: 'requested' } })
    await expect(create('grown')).rejects.toMatchObject({ code: 'lane_exists' })
  })

  it('that cannot be made blocks the lane, until a retry or a start makes it', async () => {
    await runner.open()
    for (const again of ['retry', 'start'] as const) {
      const commandId = newCommandId()
      const laneId = `blocked-${again}`
      runner.refuseWorktree = blocked()
      await expect(create(laneId, commandId)).rejects.toMatchObject({ code: 'worktree_blocked' })
      expect(await registry.queries.lane(laneId)).toMatchObject({
        status: 'blocked',
        blockedReason: { code: 'worktree_blocked', message: 'no room', details: { reason: 'git_failed' } },
        worktree: { state: 'requested' },
      })
      await expect(start(laneId)).rejects.toMatchObject({ code: 'worktree_blocked' })
      runner.refuseWorktree = undefined
      if (again === 'retry') expect(await create(laneId, commandId)).toMatchObject({ status: 'idle', worktree: { state: 'ready' } })
      else expect((await start(laneId)).running).toBe(true)
    }
    expect(runner.asked.filter((verb) => verb === 'plan-worktree')).toHaveLength(2)
    expect(runner.asked.at(-1)).toBe('claim')
  })

  it('is given up after the session and before the lane, and the deletion tells the outcome', async () => {
    await runner.open()
    await create('given')
    await start('given')
    const { worktree } = await registry.lanes.delete({ commandId: newCommandId(), laneId: 'given' })
    expect(worktree).toMatchObject({ removed: true, branchDeleted: true })
    expect(await payloadOf('given', 'lane.deleted')).toMatchObject({ worktree: { path: '/srv/worktrees/given', removed: true } })
    const types = (await eventsOf(rig, 'given')).map(({ type }) => type)
    expect(types.lastIndexOf('lane.updated')).toBeGreaterThan(types.indexOf('lane.session.stopped'))
    expect(await payloadOf('given', 'lane.updated')).toMatchObject({ worktree: { state: 'removing' } })
  })

  it('of a deletion that was cut off is made again by a start', async () => {
    await runner.open()
    await create('cut')
    runner.refuseWorktree = new BridgeError('command_timeout')
    await expect(registry.lanes.delete({ commandId: newCommandId(), laneId: 'cut' })).rejects.toMatchObject({ code: 'command_timeout' })
    runner.refuseWorktree = undefined
    expect((await registry.queries.lane('cut', (await rig.log.extent()).lastSeq)).worktree?.state).toBe('removing')
    await start('cut')
    expect((await registry.queries.lane('cut', (await rig.log.extent()).lastSeq)).worktree?.state).toBe('ready')
  })

  it('in which another lane works is kept', async () => {
    await runner.open()
    await create('owner')
    await createLane(registry, 'guest', { worktreePath: '/srv/worktrees/owner/sub' })
    await registry.lanes.delete({ commandId: newCommandId(), laneId: 'owner' })
    expect(await payloadOf('owner', 'lane.deleted')).toMatchObject({ worktree: { removed: false, reason: { code: 'used_by_lane' } } })
    expect(runner.asked).not.toContain('remove-worktree')
  })

  it('without a runner is kept, and the lane is deleted all the same', async () => {
    await runner.open()
    await create('lonely')
    await runner.close()
    await registry.lanes.delete({ commandId: newCommandId(), laneId: 'lonely' })
    expect(await payloadOf('lonely', 'lane.deleted')).toMatchObject({ worktree: { removed: false, reason: { code: 'no_runner' } } })
  })
})
