import { type Endpoints, serve, serveLane } from '@codex-bridge/bus'
import { Codex, Sessions, type TurnReceipt } from '@codex-bridge/contracts'
import { newCommandId } from '@codex-bridge/service-kit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { activeTurn } from './lane-samples.ts'
import { createLane, type Registry, type Rig, runTurn, say, startRig } from './registry-fixture.ts'

let rig: Rig
let leader: Registry
let follower: Registry
let both: Registry[]
const endpoints: Endpoints[] = []
const turns: string[] = []

/** Stands for Codex: knows any thread. */
const call = ({ method, params }: { method: string; params: Record<string, unknown> }) =>
  method === 'thread/read' ? { thread: { id: params['threadId'], name: null, cwd: '/srv', source: 'cli' } } : { data: [], nextCursor: null }

const serveSession = (laneId: string, threadId: string) => {
  const receipt = async ({ commandId }: { commandId: string }): Promise<TurnReceipt> => {
    turns.push(commandId)
    return { laneId, sessionId: laneId, threadId, turnId: 'turn-1', action: 'prompt', status: 'inProgress', commandId, seq: 1 }
  }
  endpoints.push(serveLane(rig.bus, laneId, Sessions, { prompt: receipt, call }))
}

/** A lane with a live session on a thread of its own. */
const liveLane = async (laneId: string): Promise<string> => {
  await createLane(leader, laneId)
  await say(rig, laneId, 'lane.session.claimed', { phase: 'claimed' }, { purpose: 'start' })
  await say(rig, laneId, 'lane.session.started', { phase: 'live', threadId: `thread-${laneId}` })
  serveSession(laneId, `thread-${laneId}`)
  return `thread-${laneId}`
}

beforeAll(async () => {
  rig = await startRig()
  leader = await rig.registry()
  follower = await rig.registry({ leads: false })
  both = [leader, follower]
  endpoints.push(await serve(rig.bus, { name: 'runner', version: '0.1.0' }, Codex, { call }))
})
afterAll(async () => {
  await Promise.all(endpoints.map((each) => each.stop()))
  await rig.stop()
})
beforeEach(() => {
  turns.length = 0
})

const ROUNDS = 20
/** A lane as a request that arrives now is answered. */
const asked = async (registry: Registry, laneId: string) => {
  await registry.arrival()
  return await registry.queries.lane(laneId)
}
const list = async (registry: Registry, limit = 200) =>
  JSON.parse((await registry.queries.lanes({ limit })).text) as { lanes: { laneId: string; status: string }[] }

describe('of two registries each', () => {
  it('names the lanes of a thread', async () => {
    const threadId = await liveLane('named')
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const registry of both) {
        await registry.arrival()
        expect(await registry.threads.read({ threadId, includeTurns: false })).toMatchObject({ laneIds: ['named'] })
      }
    }
  })

  it('finds the lanes to clean up', async () => {
    for (const laneId of ['smoke-1', 'smoke-2']) {
      await createLane(leader, laneId)
      await runTurn(rig, laneId)
    }
    const body = { dryRun: true, olderThanHours: 0, syntheticOnly: true, statuses: ['done' as const] }
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const registry of both) {
        await registry.arrival()
        for (const laneId of ['smoke-1', 'smoke-2']) expect((await registry.queries.lane(laneId)).status).toBe('done')
        expect(await registry.lanes.cleanup({ commandId: newCommandId(), body })).toMatchObject({ matched: 2 })
      }
    }
  })

  it('refuses to attach a thread that another lane has live', async () => {
    const threadId = await liveLane('holder')
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const registry of both) {
        await registry.arrival()
        const body = { threadId, laneId: `guest-${round}` }
        const attached = registry.takeover.attach({ commandId: newCommandId(), body })
        await expect(attached).rejects.toMatchObject({ code: 'lane_attached_elsewhere' })
      }
    }
  })

  it('hands a turn on the thread of a lane to the session of that lane', async () => {
    const threadId = await liveLane('worker')
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const registry of both) {
        await registry.arrival()
        const turn = await registry.threadCommands.turn({ commandId: newCommandId(), threadId, action: 'start', input: 'go' })
        expect(turn).toMatchObject({ laneId: 'worker', turnId: 'turn-1' })
      }
    }
    expect(turns).toHaveLength(2 * ROUNDS)
  })

  it('shows at once what the other has written, alone and in the list, without minSeq', async () => {
    for (let round = 0; round < 2 * ROUNDS; round += 1) {
      const [writer, reader] = (round % 2 === 0 ? both : [...both].reverse()) as [Registry, Registry]
      const laneId = `written-${round}`
      await createLane(writer, laneId)
      await reader.arrival()
      expect((await reader.queries.lane(laneId)).laneId).toBe(laneId)
      expect((await list(reader)).lanes[0]?.laneId).toBe(laneId)
      await writer.lanes.delete({ commandId: newCommandId(), laneId })
      await reader.arrival()
      await expect(reader.queries.lane(laneId)).rejects.toMatchObject({ code: 'lane_not_found' })
      expect((await list(reader)).lanes.map((lane) => lane.laneId)).not.toContain(laneId)
    }
  })

  it('shows the status that follows from what a session has stored, without minSeq', async () => {
    await createLane(leader, 'followed')
    for (let round = 0; round < ROUNDS; round += 1) {
      await say(rig, 'followed', 'lane.turn.requested', { phase: 'live', activeTurn: activeTurn(`turn-${round}`) })
      for (const registry of both) expect(await asked(registry, 'followed')).toMatchObject({ status: 'running' })
      await say(rig, 'followed', 'lane.turn.completed', { activeTurn: null }, { status: 'completed', verification: 'none' })
      for (const registry of both) expect(await asked(registry, 'followed')).toMatchObject({ status: 'done' })
    }
  })
})

describe('a registry', () => {
  it('that starts late is right from its first answer', async () => {
    const threadId = await liveLane('before')
    for (let round = 0; round < 5; round += 1) {
      await createLane(leader, `late-${round}`)
      const late = await rig.registry({ leads: false })
      expect((await late.queries.lane(`late-${round}`)).status).toBe('idle')
      expect(await late.threads.read({ threadId, includeTurns: false })).toMatchObject({ laneIds: ['before'] })
      await late.stop()
    }
  })

  it('answers rightly while no leader announces statuses or writes Redis', async () => {
    await createLane(leader, 'headless')
    await leader.stop()
    try {
      const seq = await runTurn(rig, 'headless')
      expect(await asked(follower, 'headless')).toMatchObject({ status: 'done' })
      expect(await follower.queries.lane('headless', seq)).toMatchObject({ status: 'done' })
      await createLane(follower, 'headless-new')
      const { lanes } = await list(follower)
      expect(lanes[0]?.laneId).toBe('headless-new')
      expect(lanes.find(({ laneId }) => laneId === 'headless')?.status).toBe('done')
      const late = await rig.registry({ leads: false })
      expect(await late.queries.lane('headless')).toMatchObject({ status: 'done' })
      await late.stop()
    } finally {
      leader = await rig.registry()
      both = [leader, follower]
    }
    expect((await list(follower)).lanes[0]?.laneId).toBe('headless-new')
  })

  it('whose connection broke answers only when it has read what it missed', async () => {
    await createLane(follower, 'cut')
    for (let round = 0; round < 5; round += 1) {
      await follower.bus.nc.reconnect()
      await say(rig, 'cut', 'lane.turn.requested', { phase: 'live', activeTurn: activeTurn(`turn-${round}`) })
      expect(await asked(follower, 'cut')).toMatchObject({ status: 'running', activeTurnId: `turn-${round}` })
      await say(rig, 'cut', 'lane.turn.completed', { activeTurn: null }, { status: 'completed', verification: 'none' })
      expect(await asked(follower, 'cut')).toMatchObject({ status: 'done', activeTurnId: null })
    }
  })
})

describe('the list of loaded threads', () => {
  it('leaves out a session that has ended, and fails when no runner answers', async () => {
    await createLane(leader, 'ended')
    await say(rig, 'ended', 'lane.session.started', { phase: 'live', threadId: 'thread-ended' })
    for (const registry of both) {
      await registry.arrival()
      expect((await registry.threads.loaded()).threads).toEqual([])
    }
    const [runner] = endpoints.splice(0, 1)
    await runner?.stop()
    for (const registry of both) await expect(registry.threads.loaded()).rejects.toMatchObject({ code: 'no_runner' })
  })
})
