import { newCommandId } from '@codex-bridge/service-kit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Retention } from '../src/retention/retention.ts'
import type { RetentionPolicy } from '../src/retention/retention-plan.ts'
import { copied, createLane, eventsOf, logger, type Registry, type Rig, runSession, runTurn, say, startRig } from './registry-fixture.ts'

let rig: Rig
let registry: Registry
beforeAll(async () => {
  rig = await startRig()
  registry = await rig.registry()
})
afterAll(() => rig.stop())
beforeEach(async () => {
  await rig.handled()
  await copied(rig, registry)
})

const AT_ONCE: RetentionPolicy = { days: 0, graceSec: 0, maxBytes: 0 }
const retention = (policy: Partial<RetentionPolicy> = {}, of = registry) =>
  new Retention({ ...{ bus: of.bus, log: rig.log, projection: of.projection, copy: of.copy, logger }, policy: { ...AT_ONCE, ...policy } })
const remove = (laneId: string) => registry.lanes.delete({ commandId: newCommandId(), laneId })
const typesOf = async (laneId: string) => (await eventsOf(rig, laneId)).map(({ type }) => type)
/** Purges once everything stored so far is handled and copied. */
const purge = async (policy: Partial<RetentionPolicy> = {}) => {
  await rig.handled()
  await copied(rig, registry)
  return await retention(policy).purge()
}

describe('purge', () => {
  it('of 1,000 lanes brings the log back to its size, and nothing of them is left anywhere', async () => {
    await createLane(registry, 'stays')
    await runTurn(rig, 'stays')
    await copied(rig, registry)
    const before = await rig.log.extent()
    const laneIds = Array.from({ length: 1000 }, (_, index) => `thousand-${index}`)
    for (let from = 0; from < laneIds.length; from += 100) {
      const some = laneIds.slice(from, from + 100)
      await Promise.all(some.map((laneId) => createLane(registry, laneId)))
      await Promise.all(some.slice(0, 5).map((laneId) => runSession(rig, laneId)))
      await Promise.all(some.map(remove))
    }
    expect((await rig.log.extent()).messages).toBeGreaterThan(before.messages + 2000)
    expect(await purge()).toBe(1000)

    const { messages, bytes } = await rig.log.extent()
    expect({ messages, bytes }).toEqual({ messages: before.messages, bytes: before.bytes })
    await expect(registry.queries.events({ laneId: 'thousand-7', after: 0, limit: 10 })).rejects.toMatchObject({ code: 'lane_not_found' })
    const { texts } = await registry.store.lanes({ limit: 1000 })
    expect(texts.map((text) => (JSON.parse(text) as { laneId: string }).laneId)).toEqual(['stays'])
    const rebuilt = await rig.registry({ leads: false })
    expect(rebuilt.projection.all().map(({ lane }) => lane.laneId)).toEqual(['stays'])
    expect(rebuilt.projection.deleted()).toEqual([])
    expect(await rebuilt.queries.lane('stays')).toMatchObject({ status: 'done' })
    await rebuilt.stop()
  })

  it('leaves live lanes, and the events of a lane created again under the id', async () => {
    await createLane(registry, 'alive')
    await createLane(registry, 'again')
    await runSession(rig, 'again')
    await remove('again')
    await createLane(registry, 'again', { title: 'second' })
    await createLane(registry, 'gone')
    await remove('gone')
    expect(await purge()).toBe(1)
    expect(await typesOf('gone')).toEqual([])
    expect(await typesOf('alive')).toEqual(['lane.created'])
    expect((await typesOf('again')).at(-1)).toBe('lane.created')
    expect(await registry.queries.lane('again')).toMatchObject({ title: 'second' })
    // Purged at its second deletion, and created a third time.
    await remove('again')
    expect(await purge()).toBe(1)
    await createLane(registry, 'again', { title: 'third' })
    expect(await typesOf('again')).toEqual(['lane.created'])
    await registry.arrival()
    expect(await registry.queries.lane('again')).toMatchObject({ title: 'third', status: 'idle' })
  })

  it('removes what a session of a purged lane stored afterwards', async () => {
    await createLane(registry, 'belated')
    await runSession(rig, 'belated')
    await remove('belated')
    await purge()
    await say(rig, 'belated', 'lane.session.lost', { phase: 'lost', incarnation: 'evt_old' })
    expect(await purge()).toBe(1)
    expect(await typesOf('belated')).toEqual([])
  })

  it('waits for every service that reacts to events', async () => {
    for (const name of ['approvals', 'webhooks'] as const) {
      await createLane(registry, `awaited-${name}`)
      const { seq } = await remove(`awaited-${name}`)
      await rig.handled()
      await rig.handled(name, seq - 1)
      await copied(rig, registry)
      expect(await retention().purge()).toBe(0)
      expect(await typesOf(`awaited-${name}`)).toEqual(['lane.created', 'lane.deleted'])
      expect(await purge()).toBe(1)
    }
  })

  it('waits for the days, unless the log is above its limit: then the oldest go first', async () => {
    for (const laneId of ['first', 'second', 'third']) {
      await createLane(registry, laneId)
      await say(rig, laneId, 'lane.item.completed.notification', {}, { text: 'x'.repeat(50_000) })
      await remove(laneId)
    }
    expect(await purge({ days: 1 })).toBe(0)
    const { bytes } = await rig.log.extent()
    expect(retention({ maxBytes: bytes }).sizeOf(bytes)).toEqual({ bytes, limitBytes: bytes, alarm: true })
    expect(await purge({ days: 1, maxBytes: bytes - 40_000 })).toBe(1)
    expect(await typesOf('first')).toEqual([])
    expect((await typesOf('second')).at(-1)).toBe('lane.deleted')
    expect(await purge()).toBe(2)
  })
})

it('a registry that does not lead forgets what the leader purged', async () => {
  const follower = await rig.registry({ leads: false })
  await createLane(registry, 'forgotten')
  await remove('forgotten')
  await purge()
  await follower.arrival()
  expect(follower.projection.deleted().map(({ laneId }) => laneId)).toEqual(['forgotten'])
  await retention({}, follower).forgetPurged()
  expect(follower.projection.deleted()).toEqual([])
  await follower.stop()
})
