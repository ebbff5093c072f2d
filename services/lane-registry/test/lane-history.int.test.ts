import { AggregateStore, Checkpoint, EventLog, JsonBucket } from '@codex-bridge/bus'
import { BUCKETS, type Draft } from '@codex-bridge/contracts'
import { stampEvent } from '@codex-bridge/service-kit'
import { waitFor } from '@codex-bridge/testkit'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { anyHappening, type Happening } from './event-samples.ts'
import { createLane, eventsOf, type Registry, type Rig, startRig } from './registry-fixture.ts'

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

/** What Redis has of a lane, once the projector has folded everything and vouches for the copy. */
const copied = async (registry: Registry, laneId: string): Promise<{ lane: string | undefined; session: string | undefined }> => {
  const { lastSeq } = await rig.log.extent()
  await waitFor(() => registry.projector.processed >= lastSeq && registry.projector.copied, {
    timeoutMs: 15_000,
    describe: `the projector to fold ${lastSeq}`,
  })
  await registry.projector.reached(lastSeq, 15_000)
  return { lane: await registry.store.lane(laneId), session: await registry.store.session(laneId) }
}

it('a projector that begins anew at any point of any history says nothing twice, and Redis is what it was', async () => {
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
          // Some of it while the projector looks on, the rest while nobody does.
          const seen = Math.floor(history.length * part)
          for (const happening of history.slice(0, seen)) await store(laneId, happening)
          await copied(registry, laneId)
          await registry.stop()
          for (const happening of history.slice(seen)) await store(laneId, happening)
          registry = await rig.registry()
          const before = await copied(registry, laneId)
          const events = await eventsOf(rig, laneId)
          expect(JSON.parse(String(before.lane))).toEqual(await registry.reader.lane(laneId, events.at(-1)?.seq))

          const from = events[Math.floor(events.length * part)]?.seq ?? 0
          for (const checkpoint of [from, 0]) {
            await registry.stop()
            await (await JsonBucket.open(rig.bus, BUCKETS.settings, Checkpoint)).put('checkpoint.lane-registry', { seq: checkpoint })
            if (flush) await rig.redis.flush()
            registry = await rig.registry()
            expect(await copied(registry, laneId)).toEqual(before)
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
