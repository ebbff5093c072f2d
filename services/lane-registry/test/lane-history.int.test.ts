import { AggregateStore, Checkpoint, EventLog, JsonBucket } from '@codex-bridge/bus'
import { BUCKETS, type Draft } from '@codex-bridge/contracts'
import { stampEvent } from '@codex-bridge/service-kit'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { anyHappening, type Happening } from './event-samples.ts'
import { copied, createLane, eventsOf, type Registry, type Rig, startRig } from './registry-fixture.ts'

let rig: Rig
beforeAll(async () => {
  rig = await startRig()
})
afterAll(() => rig.stop())

const HISTORY = { minLength: 15, maxLength: 40 }

/** Stores an event as its service would. @returns its sequence */
const store = async (laneId: string, { type, payload, state }: Happening): Promise<number> => {
  const aggregate = 'phase' in state ? 'session' : 'approval'
  const aggregates = new AggregateStore<'session' | 'approval'>(new EventLog(rig.bus), aggregate, stampEvent)
  const lane = (await rig.log.last(laneId, 'lane'))?.state
  const fitting = { ...state, laneId, incarnation: lane?.incarnation ?? '' }
  const draft = { type, laneId, threadId: null, sessionId: laneId, payload, state: fitting } as Draft<'session' | 'approval'>
  return (await aggregates.transact(laneId, () => draft)).event?.seq ?? 0
}

/** What Redis has of a lane in the end. */
const copyOf = async (registry: Registry, laneId: string): Promise<{ lane: string | undefined; session: string | undefined }> => {
  await copied(rig, registry)
  return { lane: await registry.store.lane(laneId), session: await registry.store.session(laneId) }
}

it('a registry that starts again at any point of any history announces nothing twice and writes the same to Redis', async () => {
  let round = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyHappening, HISTORY),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.boolean(),
      async (history, part, flush) => {
        round += 1
        const laneId = `history-${round}`
        let registry = await rig.registry()
        try {
          await createLane(registry, laneId)
          // Some of it while the registry runs, the rest while none does.
          const seen = Math.floor(history.length * part)
          for (const happening of history.slice(0, seen)) await store(laneId, happening)
          await copyOf(registry, laneId)
          await registry.stop()
          for (const happening of history.slice(seen)) await store(laneId, happening)
          registry = await rig.registry()
          const before = await copyOf(registry, laneId)
          const events = await eventsOf(rig, laneId)
          expect(JSON.parse(String(before.lane))).toEqual(await registry.queries.lane(laneId, events.at(-1)?.seq))

          const from = events[Math.floor(events.length * part)]?.seq ?? 0
          for (const checkpoint of [from, 0]) {
            await registry.stop()
            await (await JsonBucket.open(rig.bus, BUCKETS.settings, Checkpoint)).put('checkpoint.lane-registry', { seq: checkpoint })
            if (flush) await rig.redis.flush()
            registry = await rig.registry()
            expect(await copyOf(registry, laneId)).toEqual(before)
            expect(await eventsOf(rig, laneId)).toEqual(events)
          }
        } finally {
          await registry.stop()
        }
      },
    ),
    { numRuns: 8 },
  )
})
