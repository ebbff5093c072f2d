import { type CallOptions, type Endpoints, serve } from '@codex-bridge/bus'
import { Codex, Registry, type ReplyOf, type RequestOf, type ServiceVerb } from '@codex-bridge/contracts'
import { newCommandId } from '@codex-bridge/service-kit'
import { type ManagedProcess, waitFor } from '@codex-bridge/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { eventsOf, type Rig, runSession, runTurn, say, startRig } from './registry-fixture.ts'
import { startService } from './service-process.ts'

let rig: Rig
let codex: Endpoints
const services = new Map<string, ManagedProcess>()
/** Methods that stand-in Codex was asked to run. */
const calls: string[] = []
/** Called when Codex is asked for a turn; resolves to let it answer. */
let onTurn: () => Promise<void> = async () => undefined

beforeAll(async () => {
  rig = await startRig()
  codex = await serve(rig.bus, { name: 'runner', version: '0.1.0' }, Codex, {
    call: async ({ method, params }) => {
      calls.push(method)
      if (method === 'thread/read') return { thread: { id: params['threadId'], name: null, cwd: '/srv', source: 'cli' } }
      if (method !== 'turn/start') return { data: [], nextCursor: null }
      await onTurn()
      return { turn: { id: `turn-${calls.length}` } }
    },
  })
})
afterAll(async () => {
  await codex.stop()
  await rig.stop()
})
afterEach(async () => {
  await Promise.all([...services.values()].map((service) => service.stop()))
  services.clear()
  calls.length = 0
  onTurn = async () => undefined
})

const start = async (instance: string, settings: Record<string, string> = {}) => {
  services.set(instance, await startService(rig, instance, settings))
}
const kill = async (instance: string) => {
  const service = services.get(instance)
  service?.kill('SIGKILL')
  await service?.exited
  services.delete(instance)
}
const call = <V extends ServiceVerb>(verb: V, request: RequestOf<V>, options: CallOptions = {}): Promise<ReplyOf<V>> =>
  rig.bus.call(verb, request, { timeoutMs: 10_000, resendMs: 1000, ...options })
const create = (laneId: string) => call(Registry.createLane, { commandId: newCommandId(), body: { laneId } })
/** Sent once: with retention at once, a repetition may find nothing of the lane any more. */
const remove = (laneId: string) =>
  call(Registry.deleteLane, { commandId: newCommandId(), laneId }, { timeoutMs: 30_000, resendMs: undefined })
const lane = (laneId: string) => call(Registry.getLane, { laneId })
const leader = () =>
  waitFor(
    async () => {
      for (let asked = 0; asked < 10; asked += 1) {
        const { leading, instance } = await call(Registry.health, {}, { timeoutMs: 1000 })
        if (leading) return instance
      }
      return undefined
    },
    { timeoutMs: 20_000, describe: 'a leader' },
  )

describe('two registries', () => {
  it('give right answers when one of them is killed between two requests', async () => {
    for (let round = 0; round < 4; round += 1) {
      await Promise.all([start(`a-${round}`), start(`b-${round}`)])
      const laneId = `killed-${round}`
      const threadId = `thread-${laneId}`
      const leading = await leader()
      await create(laneId)
      await runTurn(rig, laneId)
      await kill(round % 2 === 0 ? leading : leading === `a-${round}` ? `b-${round}` : `a-${round}`)
      for (let asked = 0; asked < 10; asked += 1) {
        expect(await lane(laneId)).toMatchObject({ status: 'done', sessionRunning: true })
        expect(await call(Registry.getThread, { threadId, includeTurns: false })).toMatchObject({ laneIds: [laneId] })
        const attached = call(Registry.attach, { commandId: newCommandId(), body: { threadId, laneId: `guest-${round}-${asked}` } })
        await expect(attached).rejects.toMatchObject({ code: 'lane_attached_elsewhere' })
        const { lanes } = await call(Registry.listLanes, { limit: 200 })
        expect(lanes.find((each) => each.laneId === laneId)?.status).toBe('done')
      }
      for (const instance of [...services.keys()]) await kill(instance)
    }
  })

  it('show what was just written and what was just deleted, whichever is asked', async () => {
    await Promise.all([start('a'), start('b')])
    for (let round = 0; round < 60; round += 1) {
      const laneId = `fresh-${round}`
      await create(laneId)
      expect((await lane(laneId)).laneId).toBe(laneId)
      expect((await call(Registry.listLanes, { limit: 5 })).lanes[0]?.laneId).toBe(laneId)
      await remove(laneId)
      await expect(lane(laneId)).rejects.toMatchObject({ code: 'lane_not_found' })
    }
  })

  it('one that was frozen does not answer from what it knew before', async () => {
    await Promise.all([start('a'), start('b')])
    await create('thawed')
    services.get('a')?.kill('SIGSTOP')
    const seq = await runTurn(rig, 'thawed')
    // Long enough for its lead to pass to the other and for the server to give its connection up.
    await new Promise((resolve) => setTimeout(resolve, 17_000))
    services.get('a')?.kill('SIGCONT')
    for (let asked = 0; asked < 200; asked += 1) expect(await lane('thawed')).toMatchObject({ status: 'done' })
    await say(rig, 'thawed', 'lane.session.stopped', { phase: 'stopped' }, { cause: 'command', reason: null })
    for (let asked = 0; asked < 50; asked += 1) expect(await lane('thawed')).toMatchObject({ sessionRunning: false })
    expect((await lane('thawed')).seq).toBeGreaterThan(seq)
  })
})

describe('a command on a thread outside every lane', () => {
  const turn = (commandId: string, input = 'go') =>
    call(Registry.turnOnThread, { commandId, threadId: 'detached', action: 'start', input }, { timeoutMs: 8000 })
  const turns = () => calls.filter((method) => method === 'turn/start')

  it('runs once, whichever registry is asked again, also after a restart', async () => {
    await Promise.all([start('a'), start('b')])
    const commandId = newCommandId()
    const first = await turn(commandId)
    for (let asked = 0; asked < 10; asked += 1) expect(await turn(commandId)).toEqual(first)
    await expect(turn(commandId, 'something else')).rejects.toMatchObject({ code: 'idempotency_key_reused' })
    for (const instance of ['a', 'b']) await kill(instance)
    await start('c')
    expect(await turn(commandId)).toEqual(first)
    expect(turns()).toHaveLength(1)
  })

  it('asked for at both at the same time runs once', async () => {
    await Promise.all([start('a'), start('b')])
    const commandId = newCommandId()
    const answers = await Promise.all(Array.from({ length: 8 }, () => turn(commandId)))
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(turns()).toHaveLength(1)
  })

  it('whose registry is killed before the answer is unknown, and never runs again', async () => {
    await start('a')
    const commandId = newCommandId()
    let arrived: () => void = () => undefined
    const asked = new Promise<void>((resolve) => {
      arrived = resolve
    })
    onTurn = async () => {
      arrived()
      await new Promise((resolve) => setTimeout(resolve, 1000))
    }
    const lost = turn(commandId).catch((error: unknown) => error)
    await asked
    await kill('a')
    await start('b')
    await expect(turn(commandId)).rejects.toMatchObject({ code: 'command_timeout' })
    // Sent to a registry that is gone: an error, whichever it is.
    expect(await lost).toBeInstanceOf(Error)
    expect(turns()).toHaveLength(1)
  })
})

describe('retention', () => {
  const settings = { BRIDGE_RETENTION_DAYS: '0', BRIDGE_RETENTION_GRACE_SEC: '0' }
  const gone = async (laneIds: string[]) => {
    for (const laneId of laneIds) if (await rig.log.last(laneId, 'lane')) return false
    return true
  }

  it('killed in the middle of a purge, the next leader finishes it', async () => {
    await start('a', settings)
    await rig.handled()
    const laneIds = Array.from({ length: 300 }, (_, index) => `purged-${index}`)
    await Promise.all(laneIds.map(create))
    for (const laneId of laneIds.slice(0, 20)) await runSession(rig, laneId)
    await create('kept')
    await Promise.all(laneIds.map(remove))
    for (let round = 0; round < 3; round += 1) {
      await rig.handled()
      await waitFor(async () => (await rig.log.last(`purged-${Math.floor(Math.random() * 300)}`, 'lane')) === undefined, {
        timeoutMs: 30_000,
        describe: 'the purge to begin',
      })
      await kill([...services.keys()][0] ?? '')
      await start(`a-${round}`, settings)
    }
    await rig.handled()
    await waitFor(() => gone(laneIds), { timeoutMs: 60_000, intervalMs: 500, describe: 'the purge to end' })
    expect((await lane('kept')).status).toBe('idle')
    expect((await eventsOf(rig, 'kept')).map(({ type }) => type)).toEqual(['lane.created'])
    for (const laneId of laneIds.slice(0, 20)) expect(await eventsOf(rig, laneId)).toEqual([])
  })
})
