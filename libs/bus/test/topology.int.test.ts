import { BUCKETS, STREAMS } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { EventLog } from '../src/events/event-log.ts'
import { type LiveMessage, subscribeLive } from '../src/events/live-feed.ts'
import { applyTopology, topology, verifyTopology } from '../src/server/topology.ts'
import { type Broker, eventOf, startBroker } from './bus-fixture.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker.stop())

const names = topology(1).map(({ name }) => name)
const created = async () => Promise.all(names.map(async (name) => (await broker.bus.jsm.streams.info(name)).created))

it('is applied by repeating: the second time nothing is made anew and nothing is lost', async () => {
  const log = new EventLog(broker.bus)
  const seq = await log.append('lane', eventOf('kept', 1), 0)
  const before = await created()
  await applyTopology(broker.bus)
  await applyTopology(broker.bus)
  expect(await created()).toEqual(before)
  expect((await log.last('kept', 'lane'))?.seq).toBe(seq)
  await verifyTopology(broker.bus)
  await verifyTopology(broker.bus, 1)
})

it('names the stream and the field that is not as declared, and puts it right', async () => {
  await broker.bus.jsm.streams.update(STREAMS.events, { max_msgs_per_subject: 5 })
  await broker.bus.jsm.streams.update(`KV_${BUCKETS.leases}`, { max_age: 60 * 1_000_000_000 })
  const error = await verifyTopology(broker.bus).catch((problem: unknown) => problem)
  expect(error).toMatchObject({
    code: 'bus_unavailable',
    details: ['LANE_EVENTS.max_msgs_per_subject should be 10000, is 5', 'KV_lane-leases.max_age should be 15000000000, is 60000000000'],
  })
  expect(String(error)).toContain('LANE_EVENTS.max_msgs_per_subject')
  await applyTopology(broker.bus)
  await verifyTopology(broker.bus)
})

it('names what does not exist, and makes it', async () => {
  await broker.bus.jsm.streams.delete(STREAMS.dead)
  await expect(verifyTopology(broker.bus)).rejects.toThrow(/LANE_DEAD does not exist/)
  await applyTopology(broker.bus)
  await verifyTopology(broker.bus)
})

it('a service that does not know the number of replicas accepts any', async () => {
  await expect(verifyTopology(broker.bus, 3)).rejects.toThrow(/num_replicas should be 3, is 1/)
  await verifyTopology(broker.bus)
})

it('never binds a stream where requests are answered', async () => {
  for (const { subjects } of topology(1)) {
    for (const subject of subjects) expect(subject).not.toMatch(/^(lane\.>|lane\.cmd|>|lane\.\*)/)
  }
  const request = broker.bus.nc.request('lane.cmd.registry.health', new Uint8Array(), { timeout: 500 })
  await expect(request).rejects.toMatchObject({ code: '503' })
})

it('republishes every stored event with its sequence and the one before it of its subject', async () => {
  const seen: LiveMessage[] = []
  const stop = subscribeLive(broker.bus, (message) => seen.push(message))
  await broker.bus.nc.flush()
  const log = new EventLog(broker.bus)
  const first = await log.append('lane', eventOf('live', 1), 0)
  await log.append('session', eventOf('live', 9), 0)
  const second = await log.append('lane', eventOf('live', 2), first)
  await waitFor(() => seen.length === 3)
  stop()
  const own = seen.filter(({ subject }) => subject === 'lane.evt.live.lane')
  expect(own.map(({ seq, previous, type }) => [seq, previous, type])).toEqual([
    [first, 0, 'lane.updated'],
    [second, first, 'lane.updated'],
  ])
})
