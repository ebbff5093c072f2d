import { setTimeout as sleep } from 'node:timers/promises'
import { publishDelta } from '@codex-bridge/bus'
import { connectSse, rawSocket, type SseClient, SseRefusal, waitFor } from '@codex-bridge/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { LaneWriter, type RunningGateway, startBroker, startGateway } from './gateway-fixture.ts'

let broker: Awaited<ReturnType<typeof startBroker>>
let gateway: RunningGateway
const clients: SseClient[] = []
let lanes = 0

beforeAll(async () => {
  broker = await startBroker()
  gateway = await startGateway(broker.nats.url, { BRIDGE_MAX_STREAMS: '40' }, { drainTimeoutMs: 1000, heartbeatEveryMs: 300 })
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

describe('a stream', () => {
  it('has the headers for proxies, a reconnect delay, a position and the event', async () => {
    const lane = newLane()
    const client = await open()
    const position = await waitFor(() => client.lastEventId)
    expect(client.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    })
    expect(client.retryMs).toBeGreaterThanOrEqual(2000)
    expect(client.retryMs).toBeLessThanOrEqual(5000)
    expect(Number(position)).toBe(await end())
    expect(client.events).toEqual([])
    const seq = await lane.append({ payload: { text: 'a\r\nb\u2028"\u0000😀' } })
    const event = await client.waitFor(({ id }) => id === String(seq))
    expect(event.event).toBe('message')
    expect(event.data).toMatchObject({ seq, type: 'lane.updated', laneId: lane.laneId, payload: { text: 'a\r\nb\u2028"\u0000😀' } })
  })

  it('sends heartbeats', async () => {
    const client = await open()
    await waitFor(() => client.comments >= 2)
  })

  it('responds to HEAD and ends', async () => {
    const answer = await gateway.http.raw('HEAD', '/events/stream')
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8'])
  })

  it.each(['since', 'lastEventId'])('replays after ?%s and continues live', async (name) => {
    const lane = newLane()
    for (let made = 0; made < 5; made += 1) await lane.append()
    const client = await open(`?${name}=${lane.stored[1]}`)
    const last = await lane.append()
    await client.waitFor(({ id }) => id === String(last))
    expect(idsOf(client)).toEqual(lane.stored.slice(2))
  })

  it('prefers the header over the query, as a reconnecting browser needs', async () => {
    const lane = newLane()
    for (let made = 0; made < 4; made += 1) await lane.append()
    const client = await open(`?since=0&laneId=${lane.laneId}`, { lastEventId: String(lane.stored[2]) })
    await client.waitFor(({ id }) => id === String(lane.stored[3]))
    expect(idsOf(client)).toEqual([lane.stored[3]])
  })

  it('filters like webhook subscriptions', async () => {
    const [one, two] = [newLane(), newLane()]
    const at = await end()
    await one.append({ type: 'lane.created', threadId: 't-1', sessionId: one.laneId })
    await two.append({ type: 'lane.created', threadId: 't-2' })
    await one.append({ type: 'lane.turn.completed', threadId: 't-1', sessionId: one.laneId })
    await two.append({ type: 'lane.turn.started', threadId: 't-1' })
    const [a, b, c, d] = [one.stored[0], two.stored[0], one.stored[1], two.stored[1]]
    const seen = async (query: string, count: number) => {
      const client = await open(`?since=${at}&${query}`)
      await waitFor(() => idsOf(client).length >= count).catch(() => undefined)
      return idsOf(client)
    }
    expect(await seen(`laneId=${one.laneId}`, 2)).toEqual([a, c])
    expect(await seen(`laneId=${one.laneId}&laneId=${two.laneId}`, 4)).toEqual([a, b, c, d])
    expect(await seen(`laneId=${one.laneId},${two.laneId}&types=lane.created`, 2)).toEqual([a, b])
    expect(await seen('types=lane.turn.*', 2)).toEqual([c, d])
    expect(await seen('types=lane.turn.started&types=lane.turn.completed', 2)).toEqual([c, d])
    expect(await seen('threadId=t-1', 3)).toEqual([a, c, d])
    expect(await seen(`threadId=t-1&sessionId=${one.laneId}`, 2)).toEqual([a, c])
    expect(await seen(`threadId=t-1&laneId=${two.laneId}&types=*`, 1)).toEqual([d])
  })

  it.each(['types=lane.*.x', 'types=a%20b', 'laneId=a.b', 'laneId=%0d%0a', 'sessionId=-', 'deltas=maybe', `threadId=${'x'.repeat(129)}`])(
    'refuses the filter %s',
    async (query) => {
      const { status, body } = await gateway.http.get<{ error: string }>(`/events/stream?${query}`)
      expect([status, body.error]).toEqual([400, 'validation_error'])
    },
  )

  it('adds deltas without ids on request', async () => {
    const lane = newLane()
    const [without, withDeltas, other] = [
      await open(),
      await open(`?deltas=true&laneId=${lane.laneId}`),
      await open('?deltas=1&laneId=other'),
    ]
    await waitFor(() => {
      publishDelta(broker.bus, lane.laneId, { laneId: lane.laneId, threadId: 't', text: 'he\nllo' })
      return withDeltas.events.length > 0
    })
    expect(withDeltas.events[0]).toMatchObject({ event: 'delta', id: null, data: { text: 'he\nllo' } })
    expect([without.events, other.events]).toEqual([[], []])
  })

  it('moves the cursor of a client whose filter matches nothing', async () => {
    const client = await open('?laneId=nobody')
    const seq = await newLane().append()
    await waitFor(() => client.lastEventId === String(seq))
    expect(client.events).toEqual([])
  })
})

describe('a cursor that cannot be resumed from', () => {
  it.each(['99999999', 'abc', '-1', '1e9', '12345678901234567890'])('%s: sends a reset and every stored event', async (cursor) => {
    const seq = await newLane().append()
    const client = await open('', { lastEventId: cursor })
    await client.waitFor(({ id, event }) => event === 'message' && id === String(seq))
    expect(client.events[0]).toMatchObject({ event: 'reset', data: { from: 1, to: seq } })
    client.assertContiguous()
  })

  it('older than the log: reports the gap', async () => {
    const lane = newLane()
    for (let made = 0; made < 3; made += 1) await lane.append()
    const first = lane.stored[0] ?? 0
    await broker.bus.jsm.streams.purge('LANE_EVENTS', { seq: first })
    const fresh = await startGateway(broker.nats.url)
    try {
      const client = await connectSse(`${fresh.url}/events/stream?since=1`)
      clients.push(client)
      await client.waitFor(({ id }) => id === String(lane.stored[2]))
      expect(client.events[0]).toMatchObject({ event: 'gap', data: { reason: 'expired', from: 2, to: first - 1 } })
      expect(idsOf(client)).toEqual(lane.stored)
    } finally {
      await fresh.stop()
    }
  })
})

describe('limits', () => {
  it('rejects one stream too many, and accepts one again after another ends', async () => {
    const extra = await startGateway(broker.nats.url, { BRIDGE_MAX_STREAMS: '2' })
    try {
      const url = `${extra.url}/events/stream`
      const [one, two] = [await connectSse(url), await connectSse(url)]
      const refusal = await connectSse(url).catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(SseRefusal)
      expect(refusal).toMatchObject({ status: 429, body: expect.stringContaining('too_many_streams') })
      one.cut()
      await waitFor(() => extra.streams.size === 1)
      const three = await connectSse(url)
      for (const client of [one, two, three]) client.close()
      await waitFor(() => extra.streams.size === 0)
    } finally {
      await extra.stop()
    }
  })

  it('disconnects a client that stopped reading, serves the rest live, and lets it resume without loss', async () => {
    const lane = newLane()
    const from = await end()
    const filter = `?laneId=${lane.laneId}&since=${from}`
    const [slow, live] = [await open(filter), await open(filter)]
    slow.stall()
    // More than the socket buffers of both ends can hold.
    const payload = { text: 'x'.repeat(400_000) }
    for (let made = 0; made < 120; made += 1) await lane.append({ payload })
    await live.waitFor(({ id }) => id === String(lane.stored.at(-1)), 10_000)
    await waitFor(() => gateway.streams.size === 1, { timeoutMs: 5000, describe: 'the slow client to be cut' })
    slow.resume()
    await slow.untilDown()
    expect(idsOf(slow).length).toBeLessThan(120)
    await slow.connect()
    await slow.waitFor(({ id }) => id === String(lane.stored.at(-1)), 10_000)
    expect(idsOf(slow)).toEqual(lane.stored)
    expect(idsOf(live)).toEqual(lane.stored)
  }, 30_000)
})

describe('disconnects', () => {
  it('at random: every client receives every event once and in order', async () => {
    const writers = [newLane(), newLane(), newLane()]
    const from = await end()
    const many = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        open(index % 2 ? `?laneId=${writers[0]?.laneId}` : '', { lastEventId: String(from), reconnect: true }),
      ),
    )
    let running = true
    let cuts = 0
    const cutting = many.map(async (client, index) => {
      while (running) {
        await sleep(20 + ((index * 37 + cuts * 13) % 60))
        if (client.state !== 'open') continue
        client.cut()
        cuts += 1
        await client.connect().catch(() => undefined)
      }
    })
    await Promise.all(
      writers.map(async (writer) => {
        for (let made = 0; made < 400; made += 1) {
          await writer.append({ payload: { text: 'x'.repeat((made * 7919) % 3000) } })
          if (made % 10 === 0) await sleep(20)
        }
      }),
    )
    running = false
    await Promise.all(cutting)
    const all = writers.flatMap(({ stored }) => stored).sort((left, right) => left - right)
    for (const [index, client] of many.entries()) {
      const wanted = index % 2 ? writers[0]?.stored : all
      await client.waitFor(({ id }) => id === String(wanted?.at(-1)), 10_000)
      expect(idsOf(client)).toEqual(wanted)
    }
    expect(cuts).toBeGreaterThan(200)
    process.stdout.write(`random cuts: ${many.length} clients, ${all.length} events, ${cuts} cuts\n`)
  }, 60_000)

  it('while the gateway stops: streams end and continue on the next one', async () => {
    const first = await startGateway(broker.nats.url)
    const lane = newLane()
    const client = await connectSse(`${first.url}/events/stream`)
    const before = await lane.append()
    await client.waitFor(({ id }) => id === String(before))
    const stopped = performance.now()
    await first.stop()
    expect(performance.now() - stopped).toBeLessThan(2000)
    await client.untilDown()
    const missed = await lane.append()
    const resumed = await open('', { lastEventId: client.lastEventId })
    await resumed.waitFor(({ id }) => id === String(missed))
    expect(idsOf(resumed)).toEqual([missed])
    client.close()
  })

  it('before the response: nothing is leaked', async () => {
    await Promise.all(
      Array.from({ length: 30 }, () =>
        rawSocket(gateway.port, 'GET /events/stream?since=1 HTTP/1.1\r\nHost: localhost\r\n\r\n', { quietMs: 1, timeoutMs: 5 }),
      ),
    )
    await waitFor(() => gateway.streams.size === 0, { timeoutMs: 3000 })
    const consumers = async () => (await broker.bus.jsm.streams.info('LANE_EVENTS')).state.consumer_count
    await waitFor(async () => (await consumers()) === 0, { timeoutMs: 3000, describe: 'no consumer of a replay to be left' })
  })
})
