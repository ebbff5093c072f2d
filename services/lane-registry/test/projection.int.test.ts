import { setTimeout as sleep } from 'node:timers/promises'
import { Checkpoint, JsonBucket } from '@codex-bridge/bus'
import { BUCKETS } from '@codex-bridge/contracts'
import { newCommandId } from '@codex-bridge/service-kit'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { activeTurn } from './lane-samples.ts'
import { announced, copied, createLane, eventsOf, type Registry, type Rig, runTurn, say, startRig } from './registry-fixture.ts'

let rig: Rig
let registry: Registry
beforeAll(async () => {
  rig = await startRig()
})
afterAll(() => rig.stop())
beforeEach(async () => {
  registry = await rig.registry()
})
afterEach(() => registry.stop())

const listed = async (from = registry): Promise<string[]> => {
  const { texts } = await from.store.lanes({ limit: 1000 })
  return texts.map((text) => (JSON.parse(text) as { laneId: string }).laneId)
}
const typesOf = async (laneId: string) => (await eventsOf(rig, laneId, 'lane')).map(({ type }) => type)
const setCheckpoint = async (seq: number) =>
  (await JsonBucket.open(rig.bus, BUCKETS.settings, Checkpoint)).put('checkpoint.lane-registry', { seq })

describe('statuses', () => {
  it('follow from session events, each announced once', async () => {
    await createLane(registry, 'derived')
    const seq = await runTurn(rig, 'derived')
    expect(await registry.queries.lane('derived', seq)).toMatchObject({ status: 'done', threadId: 'thread-derived', sessionRunning: true })
    expect(await typesOf('derived')).toEqual(['lane.created', 'lane.status.changed', 'lane.status.changed', 'lane.completed'])
    const failed = await runTurn(rig, 'derived', 'failed')
    expect(await registry.queries.lane('derived', failed)).toMatchObject({ status: 'failed', statusReason: { code: 'turn_failed' } })
  })

  it('are there for a reader who names the sequence of its own write, every time', async () => {
    await createLane(registry, 'own-write')
    for (let round = 0; round < 25; round += 1) {
      const requested = await say(rig, 'own-write', 'lane.turn.requested', { phase: 'live', activeTurn: activeTurn(`turn-${round}`) })
      expect(await registry.queries.lane('own-write', requested)).toMatchObject({ status: 'running', activeTurnId: `turn-${round}` })
      const completed = await say(
        rig,
        'own-write',
        'lane.turn.completed',
        { activeTurn: null },
        { status: 'completed', verification: 'none' },
      )
      expect(await registry.queries.lane('own-write', completed)).toMatchObject({ status: 'done', activeTurnId: null })
    }
  })

  it('a read that names a sequence far ahead does not wait for ever', async () => {
    await createLane(registry, 'ahead')
    const started = performance.now()
    expect((await registry.queries.lane('ahead', 1_000_000)).laneId).toBe('ahead')
    expect(performance.now() - started).toBeLessThan(4500)
  })
})

describe('a restart', () => {
  it('finds the same state and says nothing twice, wherever its checkpoint is', async () => {
    await createLane(registry, 'restarted')
    const seq = await runTurn(rig, 'restarted')
    await announced(rig)
    const before = await eventsOf(rig, 'restarted')
    const lane = await registry.queries.lane('restarted')
    await registry.stop()
    for (const checkpoint of [0, Math.floor(seq / 2), seq + 1_000_000]) {
      await setCheckpoint(checkpoint)
      const next = await rig.registry()
      await announced(rig)
      expect(await next.queries.lane('restarted')).toEqual(lane)
      expect(await eventsOf(rig, 'restarted')).toEqual(before)
      await next.stop()
    }
    registry = await rig.registry()
  })

  it('catches up with what happened while it was away', async () => {
    await createLane(registry, 'missed')
    await registry.stop()
    const seq = await runTurn(rig, 'missed')
    registry = await rig.registry()
    await announced(rig)
    expect(await registry.queries.lane('missed', seq)).toMatchObject({ status: 'done' })
    expect((await typesOf('missed')).at(-1)).toBe('lane.completed')
  })

  it('two that overlap announce every status once', async () => {
    await createLane(registry, 'overlap')
    const second = await rig.registry()
    let seq = 0
    for (let round = 0; round < 5; round += 1) seq = await runTurn(rig, 'overlap')
    await announced(rig)
    expect(await second.queries.lane('overlap', seq)).toEqual(await registry.queries.lane('overlap', seq))
    const types = await typesOf('overlap')
    expect(types.filter((type) => type === 'lane.completed')).toHaveLength(5)
    expect(types.filter((type) => type === 'lane.status.changed')).toHaveLength(10)
    await second.stop()
  })
})

describe('Redis', () => {
  it('emptied while it runs is written anew within two seconds', async () => {
    await createLane(registry, 'copied-1')
    await createLane(registry, 'copied-2')
    await copied(rig, registry)
    const before = await listed()
    expect(before).toContain('copied-1')
    await rig.redis.flush()
    expect(await listed()).toEqual([])
    const emptied = performance.now()
    // A single lane is answered meanwhile, from the log.
    expect((await registry.queries.lane('copied-1')).laneId).toBe('copied-1')
    await waitFor(async () => (await listed()).length === before.length, { timeoutMs: 4000, intervalMs: 50 })
    expect(performance.now() - emptied).toBeLessThan(2500)
    expect(await listed()).toEqual(before)
    expect(await registry.store.lane('copied-2')).toBe(JSON.stringify(await registry.queries.lane('copied-2')))
  })

  it('killed and started again: reads of one lane go on, writes go on, and the copy is right afterwards', async () => {
    await createLane(registry, 'outage')
    await createLane(registry, 'outage-gone')
    await rig.redis.kill('SIGKILL')
    await waitFor(() => !registry.store.ready)
    const seq = await runTurn(rig, 'outage')
    expect(await registry.queries.lane('outage', seq)).toMatchObject({ status: 'done' })
    await expect(registry.queries.lanes({ limit: 10 })).rejects.toMatchObject({ code: 'store_unavailable' })
    await registry.lanes.delete({ commandId: newCommandId(), laneId: 'outage-gone' })
    expect((await createLane(registry, 'outage-new')).status).toBe('idle')
    await rig.redis.restart()
    await waitFor(() => registry.store.ready, { timeoutMs: 5000 })
    // What Redis kept is older than what was written since: nobody who names a sequence may be shown it.
    for (const end = Date.now() + 5000; !registry.copy.isIntact && Date.now() < end; await sleep(5)) {
      expect(await registry.queries.lane('outage', seq)).toMatchObject({ status: 'done' })
    }
    expect(registry.copy.isIntact).toBe(true)
    expect(await registry.store.lane('outage')).toContain('"status":"done"')
    const ids = await listed()
    expect(ids).toContain('outage-new')
    expect(ids).not.toContain('outage-gone')
  })

  it('emptied while the registry and Redis are both down: everything comes back', async () => {
    await createLane(registry, 'cold')
    await runTurn(rig, 'cold')
    await copied(rig, registry)
    const before = (await listed()).sort()
    await registry.stop()
    await rig.redis.flush()
    registry = await rig.registry()
    await copied(rig, registry)
    expect((await listed()).sort()).toEqual(before)
    expect(await registry.store.session('cold')).toContain('"running":true')
  })

  it('forgets what belongs to another event log', async () => {
    const stranger = {
      laneId: 'stranger',
      seq: 9_000_000,
      createdAt: '2026-01-01T00:00:00.000Z',
      lane: '{"laneId":"stranger"}',
      session: null,
    }
    await registry.store.write(stranger)
    await registry.store.reset(9_000_000)
    await registry.stop()
    registry = await rig.registry()
    await waitFor(async () => !(await listed()).includes('stranger'))
  })

  it('emptied between two writes is noticed, although the checkpoint would move on', async () => {
    await createLane(registry, 'before-flush')
    await copied(rig, registry)
    for (let round = 0; round < 3; round += 1) {
      await rig.redis.flush()
      await createLane(registry, `after-flush-${round}`)
      await registry.arrival()
      const { lanes } = JSON.parse((await registry.queries.lanes({ limit: 200 })).text) as { lanes: { laneId: string }[] }
      expect(lanes.map(({ laneId }) => laneId)).toContain('before-flush')
      await waitFor(async () => (await listed()).includes('before-flush'), { timeoutMs: 5000, describe: 'Redis to be written again' })
    }
  })

  it('that dies in the middle of being written anew is written anew again', async () => {
    await Promise.all(Array.from({ length: 150 }, (_, index) => createLane(registry, `bulk-${index}`)))
    await copied(rig, registry)
    const before = await listed()
    for (let round = 0; round < 3; round += 1) {
      await rig.redis.flush()
      await waitFor(async () => (await listed()).length > 0, { intervalMs: 1 })
      await rig.redis.kill('SIGKILL')
      await runTurn(rig, `bulk-${round}`)
      await rig.redis.restart()
      await copied(rig, registry)
      expect(await listed()).toEqual(before)
      expect(await registry.store.lane(`bulk-${round}`)).toContain('"status":"done"')
    }
  })

  it('loses no lane that is created while it is written anew', async () => {
    for (let round = 0; round < 2; round += 1) {
      await rig.redis.flush()
      for (let index = 0; index < 40; index += 1) {
        await createLane(registry, `during-${round}-${index}`)
        await sleep(20)
      }
      await copied(rig, registry)
      await sleep(200)
      const all: string[] = []
      let cursor: string | undefined
      do {
        const page = await registry.store.lanes({ limit: 100, cursor })
        all.push(...page.texts.map((text) => (JSON.parse(text) as { laneId: string }).laneId))
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
      for (let index = 0; index < 40; index += 1) expect(all).toContain(`during-${round}-${index}`)
      expect(new Set(all).size).toBe(all.length)
    }
  })
})

describe('the events of a lane', () => {
  it('come in pages that fit into an answer, however large they are, each once', async () => {
    await createLane(registry, 'wordy')
    for (const size of [250_000, 10, 250_000, 250_000, 250_000, 250_000, 250_000, 250_000, 10]) {
      await say(rig, 'wordy', 'lane.item.completed.notification', {}, { text: 'x'.repeat(size) })
    }
    const seqs: number[] = []
    const sizes: number[] = []
    let after: string | null = '0'
    while (after !== null) {
      const page = await registry.queries.events({ laneId: 'wordy', after: Number(after), limit: 1000 })
      seqs.push(...page.events.map(({ seq }) => seq))
      sizes.push(Buffer.byteLength(JSON.stringify(page)))
      after = page.nextCursor
    }
    expect(seqs).toEqual((await eventsOf(rig, 'wordy')).map(({ seq }) => seq))
    expect(sizes.length).toBe(2)
    expect(Math.max(...sizes)).toBeLessThan(1.5 * 1024 * 1024)
  })
})

describe('a lane that is deleted and created anew', () => {
  it('is listed once, with nothing of its predecessor', async () => {
    for (let round = 0; round < 5; round += 1) {
      await createLane(registry, 'phoenix', { title: `round ${round}` })
      await runTurn(rig, 'phoenix')
      await say(rig, 'phoenix', 'lane.session.stopped', { phase: 'stopped' }, { cause: 'command', reason: null })
      const { seq } = await registry.lanes.delete({ commandId: newCommandId(), laneId: 'phoenix' })
      await expect(registry.queries.lane('phoenix', seq)).rejects.toMatchObject({ code: 'lane_not_found' })
    }
    await createLane(registry, 'phoenix', { title: 'last' })
    expect(await registry.queries.lane('phoenix')).toMatchObject({ title: 'last', status: 'idle', threadId: null, sessionRunning: false })
    await copied(rig, registry)
    expect((await listed()).filter((id) => id === 'phoenix')).toEqual(['phoenix'])
  })
})

describe('NATS', () => {
  it('crashes and comes back: statuses go on, nothing is said twice', async () => {
    await createLane(registry, 'broker')
    await runTurn(rig, 'broker')
    await rig.nats.kill('SIGKILL')
    await rig.nats.restart()
    await waitFor(() => rig.bus.nc.flush().then(() => true), { timeoutMs: 5000 })
    const seq = await runTurn(rig, 'broker')
    await announced(rig)
    expect(await registry.queries.lane('broker', seq)).toMatchObject({ status: 'done' })
    expect((await typesOf('broker')).filter((type) => type === 'lane.completed')).toHaveLength(2)
  })
})
