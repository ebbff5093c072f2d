import { setTimeout as sleep } from 'node:timers/promises'
import { connectSse, type SseClient, waitFor } from '@codex-bridge/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { LaneWriter, type RunningGateway, startBroker, startGateway } from './gateway-fixture.ts'

let broker: Awaited<ReturnType<typeof startBroker>>
let gateway: RunningGateway
const clients: SseClient[] = []
let lanes = 0

beforeAll(async () => {
  broker = await startBroker()
  gateway = await startGateway(broker.nats.url)
}, 30_000)
afterEach(() => {
  for (const client of clients.splice(0)) client.close()
})
afterAll(async () => {
  await gateway?.stop()
  await broker?.stop()
})

const open = async (query = '', options: Parameters<typeof connectSse>[1] = {}): Promise<SseClient> => {
  const client = await connectSse(`${gateway.url}/events/stream${query}`, options)
  clients.push(client)
  return client
}
const newLane = () => new LaneWriter(broker.bus, `lane-${++lanes}`)
const idsOf = (client: SseClient) => client.events.filter(({ event }) => event === 'message').map(({ id }) => Number(id))
const end = async () => (await broker.bus.jsm.streams.info('LANE_EVENTS')).state.last_seq

describe('the broker', () => {
  it('restarts under open streams: no gap, no repetition, and new streams are asked to reconnect', async () => {
    const lane = newLane()
    const from = await end()
    const open12 = await Promise.all(Array.from({ length: 12 }, () => open('', { lastEventId: String(from) })))
    let running = true
    const writing = (async () => {
      while (running) await lane.append()
    })()
    const untilWritten = () => {
      const wanted = lane.stored.length + 50
      return waitFor(() => lane.stored.length >= wanted, { timeoutMs: 15_000, describe: 'fifty more events' })
    }
    for (let round = 0; round < 3; round += 1) {
      await untilWritten()
      await broker.nats.kill()
      await waitFor(() => !gateway.bus.connected())
      const refused = await connectSse(`${gateway.url}/events/stream`)
      await refused.untilDown()
      expect([refused.events.length, refused.retryMs >= 2000]).toEqual([0, true])
      const plain = await gateway.http.get<{ error: string }>('/events/stream')
      expect([plain.status, plain.body.error, plain.headers['retry-after']]).toEqual([503, 'bus_unavailable', '2'])
      expect((await gateway.http.get<{ status: string }>('/health')).body.status).toBe('down')
      await broker.nats.restart()
    }
    await waitFor(() => gateway.bus.connected(), { timeoutMs: 10_000 })
    await untilWritten()
    running = false
    await writing
    for (const client of open12) {
      await client.waitFor(({ id }) => id === String(lane.stored.at(-1)), 15_000)
      expect(idsOf(client)).toEqual(lane.stored)
      expect(client.connections).toBe(1)
    }
    process.stdout.write(`broker restarts: 3, ${lane.stored.length} events over ${open12.length} streams that stayed open\n`)
  }, 60_000)

  it('freezes: streams stay open and continue', async () => {
    const lane = newLane()
    const client = await open(`?laneId=${lane.laneId}`)
    await lane.append()
    await broker.nats.pause()
    await sleep(1500)
    await broker.nats.resume()
    const last = await lane.append()
    await client.waitFor(({ id }) => id === String(last), 15_000)
    expect(idsOf(client)).toEqual(lane.stored)
  }, 30_000)

  it('gets a new log: open streams are reset and follow it', async () => {
    const client = await open()
    const { config } = await broker.bus.jsm.streams.info('LANE_EVENTS')
    await broker.bus.jsm.streams.delete('LANE_EVENTS')
    await broker.bus.jsm.streams.add(config)
    const lane = newLane()
    const first = await lane.append()
    expect(first).toBe(1)
    await client.until('reset', 15_000)
    await client.waitFor(({ id, event }) => event === 'message' && id === '1', 15_000)
    const second = await lane.append()
    await client.waitFor(({ id }) => id === String(second))
    expect(idsOf(client).slice(-2)).toEqual([1, 2])
  }, 30_000)
})
