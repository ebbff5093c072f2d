import { setTimeout as sleep } from 'node:timers/promises'
import { BridgeError, type Draft, MAX_MESSAGE_BYTES, subjects } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeEnvelope } from '../src/connection/codec.ts'
import { AggregateStore } from '../src/events/aggregate-store.ts'
import { readRange } from '../src/events/event-follower.ts'
import { ConflictError, EventLog } from '../src/events/event-log.ts'
import { type Broker, eventOf, startBroker } from './bus-fixture.ts'
import { startLossyProxy } from './lossy-proxy.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker.stop())

const stored = async (laneId: string) => {
  const { lastSeq } = await new EventLog(broker.bus).extent()
  const events: { seq: number; id: string; n: number; ts: string }[] = []
  for await (const raw of readRange(broker.bus, { from: 1, to: lastSeq, filter: subjects.laneEvents(laneId) })) {
    const { event } = decodeEnvelope(raw.bytes, raw.seq)
    if (event) events.push({ seq: raw.seq, id: event.id, n: Number(event.payload['n']), ts: event.ts })
  }
  return events
}

const counting = (bus = broker.bus) => {
  let made = 0
  return new AggregateStore(new EventLog(bus), 'lane', () => {
    made += 1
    return { id: `evt_${bus.nc.info?.client_id ?? 0}s${Math.random().toString(36).slice(2, 8)}n${made}`, ts: new Date().toISOString() }
  })
}
/** A lane event that counts in `appliedSeq` of its state. */
const draftOf = (laneId: string, n: number): Draft<'lane'> => {
  const { type, threadId, sessionId, payload, state } = eventOf(laneId, n)
  return { type, laneId, threadId, sessionId, payload, state: { ...state, appliedSeq: n } } as Draft<'lane'>
}

describe('append', () => {
  it('stores an event with its headers and gives it back with its state', async () => {
    const log = new EventLog(broker.bus)
    const event = eventOf('headers', 1, { commandId: 'cmd-1', epoch: 7 })
    const seq = await log.append('lane', event, 0)
    expect(await log.last('headers', 'lane')).toEqual({ seq, ...event })
    expect(await log.last('headers', 'session')).toBeUndefined()
    const raw = await broker.bus.jsm.streams.getMessage('LANE_EVENTS', { seq })
    expect(raw.subject).toBe('lane.evt.headers.lane')
    expect([raw.header.get('Lane-Event-Type'), raw.header.get('Lane-Command-Id'), raw.header.get('Lane-Epoch')]).toEqual([
      'lane.updated',
      'cmd-1',
      '7',
    ])
  })

  it('refuses the second of two writers that expect the same version, and says where the aggregate is', async () => {
    const [left, right] = [new EventLog(broker.bus), new EventLog(await broker.connect())]
    const first = await left.append('lane', eventOf('duel', 1), 0)
    const outcomes = await Promise.allSettled([
      left.append('lane', eventOf('duel', 2), first),
      right.append('lane', eventOf('duel', 3), first),
    ])
    const won = outcomes.filter((outcome) => outcome.status === 'fulfilled')
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect([won.length, failed.length]).toEqual([1, 1])
    const error = (failed[0] as PromiseRejectedResult).reason as ConflictError
    expect(error).toBeInstanceOf(ConflictError)
    expect([error.expected, error.actual]).toEqual([first, (won[0] as PromiseFulfilledResult<number>).value])
    expect(await stored('duel')).toHaveLength(2)
  })

  it('keeps the aggregates of one lane apart', async () => {
    const log = new EventLog(broker.bus)
    await log.append('lane', eventOf('apart', 1), 0)
    await log.append('session', eventOf('apart', 2, { type: 'lane.session.claimed' }), 0)
    await log.append('approval', eventOf('apart', 3, { type: 'lane.approval.requested' }), 0)
    expect((await log.last('apart', 'session'))?.payload).toMatchObject({ n: 2 })
  })

  it('stores the same event once, however often it is sent', async () => {
    const log = new EventLog(broker.bus)
    const event = eventOf('again', 1)
    const seq = await log.append('lane', event, 0)
    expect(await log.append('lane', event, 0)).toBe(seq)
    expect(await stored('again')).toHaveLength(1)
  })

  it('refuses what the stream could not take, and ids that would break the connection', async () => {
    const log = new EventLog(broker.bus)
    const huge = eventOf('huge', 1, { payload: { text: 'x'.repeat(MAX_MESSAGE_BYTES) } })
    await expect(log.append('lane', huge, 0)).rejects.toMatchObject({ code: 'internal_error' })
    await expect(log.append('lane', eventOf('a\r\nPUB x 0\r\n', 1), 0)).rejects.toMatchObject({ code: 'validation_error' })
    expect(await log.last('huge', 'lane')).toBeUndefined()
  })

  it('counts to the end when many writers share one aggregate', async () => {
    const stores = [counting(), counting(await broker.connect()), counting(await broker.connect())]
    await Promise.all(
      stores.flatMap((store) =>
        [1, 2, 3, 4, 5].map(() => store.transact('shared', ({ state }) => draftOf('shared', (state?.appliedSeq ?? 0) + 1))),
      ),
    )
    expect((await stored('shared')).map(({ n }) => n)).toEqual(Array.from({ length: 15 }, (_, index) => index + 1))
  })

  it('lets a decider change nothing or refuse', async () => {
    const store = counting()
    const { event, version } = await store.transact('nothing', () => undefined)
    expect([event, version]).toEqual([undefined, { state: undefined, seq: 0 }])
    const refusal = new BridgeError('lane_exists')
    await expect(
      store.transact('nothing', () => {
        throw refusal
      }),
    ).rejects.toBe(refusal)
  })
})

describe('append while answers are lost', () => {
  it('finds its own event after a lost acknowledgement instead of storing it again', async () => {
    const proxy = await startLossyProxy(broker.nats.port)
    const bus = await broker.connect('migrator', { url: proxy.url })
    try {
      const log = new EventLog(bus)
      const first = await log.append('lane', eventOf('lost-ack', 1), 0)
      const losing = proxy.loseAnswers(300)
      const event = eventOf('lost-ack', 2)
      const appended = log.append('lane', event, first)
      await losing
      const seq = await appended
      const all = await stored('lost-ack')
      expect(all.map(({ n }) => n)).toEqual([1, 2])
      expect(all[1]).toMatchObject({ seq, id: event.id })
      // It was stored at once, not by the retry: the acknowledgement is what was lost.
      const raw = await broker.bus.jsm.streams.getMessage('LANE_EVENTS', { seq })
      expect(raw.time.getTime() - new Date(event.ts).getTime()).toBeLessThan(300)
    } finally {
      await bus.nc.close()
      await proxy.close()
    }
  })

  it('reports a conflict when another writer was faster while the answer was lost', async () => {
    const proxy = await startLossyProxy(broker.nats.port)
    const bus = await broker.connect('migrator', { url: proxy.url })
    try {
      const log = new EventLog(bus)
      const first = await log.append('lane', eventOf('beaten', 1), 0)
      await new EventLog(broker.bus).append('lane', eventOf('beaten', 2), first)
      const losing = proxy.loseAnswers(200)
      const appended = log.append('lane', eventOf('beaten', 3), first)
      const [outcome] = await Promise.allSettled([appended, losing])
      expect(outcome).toMatchObject({ status: 'rejected', reason: { name: 'ConflictError' } })
      expect((await stored('beaten')).map(({ n }) => n)).toEqual([1, 2])
    } finally {
      await bus.nc.close()
      await proxy.close()
    }
  })
})

describe('append over crashes of the server', () => {
  it('every acknowledged event of several writers is stored exactly once, in order, without gaps', async () => {
    const writers = 4
    const ending = new AbortController()
    const acknowledged = new Map<string, number>()
    const written: number[] = Array.from({ length: writers }, () => 0)
    /** Until each writer has fifty more events acknowledged. */
    const untilWritten = () => {
      const wanted = written.map((count) => count + 50)
      return waitFor(() => written.every((count, index) => count >= (wanted[index] ?? 0)), { timeoutMs: 15_000 })
    }
    const write = async (index: number) => {
      const laneId = `crash-${index}`
      const log = new EventLog(await broker.connect())
      let seq = 0
      for (let n = 1; !ending.signal.aborted; n += 1) {
        const event = eventOf(laneId, n)
        seq = await log.append('lane', event, seq)
        acknowledged.set(event.id, seq)
        written[index] = n
        await sleep(1)
      }
    }
    const writing = Promise.all(Array.from({ length: writers }, (_, index) => write(index)))
    for (let round = 0; round < 3; round += 1) {
      await untilWritten()
      await broker.nats.kill('SIGKILL')
      await waitFor(() => !broker.bus.connected(), { describe: 'the outage to be noticed' })
      await broker.restart()
    }
    await untilWritten()
    ending.abort()
    await writing
    const all = (await Promise.all(Array.from({ length: writers }, (_, index) => stored(`crash-${index}`)))).flat()
    expect(all.length).toBe(acknowledged.size)
    for (const { id, seq } of all) expect(acknowledged.get(id)).toBe(seq)
    for (let index = 0; index < writers; index += 1) {
      const numbers = (await stored(`crash-${index}`)).map(({ n }) => n)
      expect(numbers).toEqual(numbers.map((_, position) => position + 1))
    }
  })

  it('gives up when patience runs out, and waits out the outage when told to', async () => {
    const log = new EventLog(await broker.connect('migrator', { timeoutMs: 1000 }))
    await broker.nats.kill('SIGKILL')
    const started = performance.now()
    const patient = log.append('lane', eventOf('patient', 1), 0, { patienceMs: Number.POSITIVE_INFINITY })
    await expect(log.append('lane', eventOf('hasty', 1), 0, { patienceMs: 500 })).rejects.toMatchObject({ code: 'bus_unavailable' })
    expect(performance.now() - started).toBeLessThan(8000)
    await expect(log.last('hasty', 'lane')).rejects.toMatchObject({ code: 'bus_unavailable' })
    await broker.restart()
    expect(await patient).toBeGreaterThan(0)
    expect((await stored('patient')).map(({ n }) => n)).toEqual([1])
  })
})

describe('purgeLane', () => {
  it('removes a lane up to a sequence and nothing after it', async () => {
    const log = new EventLog(broker.bus)
    const first = await log.append('lane', eventOf('purged', 1), 0)
    const second = await log.append('session', eventOf('purged', 2), 0)
    const third = await log.append('lane', eventOf('purged', 3), first)
    const kept = await log.append('lane', eventOf('kept', 1), 0)
    await log.purgeLane('purged', second)
    expect((await stored('purged')).map(({ seq }) => seq)).toEqual([third])
    expect((await stored('kept')).map(({ seq }) => seq)).toEqual([kept])
  })
})
