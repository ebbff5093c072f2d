import { Registry, type RequestOf, type ServiceVerb } from '@codex-bridge/contracts'
import { newCommandId } from '@codex-bridge/service-kit'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventsOf, type Rig, runTurn, startRig } from './registry-fixture.ts'
import { startService } from './service-process.ts'

let rig: Rig
beforeAll(async () => {
  rig = await startRig()
})
afterAll(() => rig.stop())

const startRegistry = () => startService(rig, 'registry-under-test')
const ask = <V extends ServiceVerb>(verb: V, request: RequestOf<V>) => rig.bus.call(verb, request, { timeoutMs: 5000 })
const status = async (laneId: string, minSeq: number) => (await ask(Registry.getLane, { laneId, minSeq })).status

it('killed in the middle of work, the next run of the service tells every status, each once', async () => {
  const lanes = Array.from({ length: 6 }, (_, index) => `lane-${index}`)
  let service = await startRegistry()
  try {
    for (const laneId of lanes) await ask(Registry.createLane, { commandId: newCommandId(), body: { laneId } })
    const ends = new Map<string, number>()
    for (let round = 0; round < 3; round += 1) {
      const writing = Promise.all(lanes.map(async (laneId) => ends.set(laneId, await runTurn(rig, laneId))))
      service.kill('SIGKILL')
      await service.exited
      await writing
      service = await startRegistry()
      await waitFor(() => ask(Registry.health, {}).then(({ leading }) => leading), {
        timeoutMs: 20_000,
        describe: 'a leader',
      })
      for (const laneId of lanes) expect(await status(laneId, ends.get(laneId) ?? 0)).toBe('done')
    }
    for (const laneId of lanes) {
      const types = (await eventsOf(rig, laneId, 'lane')).map(({ type }) => type)
      expect(types.filter((type) => type === 'lane.completed')).toHaveLength(3)
      expect(types.filter((type) => type === 'lane.status.changed')).toHaveLength(6)
    }
    const { lanes: listed } = await ask(Registry.listLanes, { limit: 50 })
    expect(listed.map(({ laneId }) => laneId).sort()).toEqual(lanes)
  } finally {
    expect((await service.stop()).code).toBe(0)
  }
})
