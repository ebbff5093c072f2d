import { setTimeout as sleep } from 'node:timers/promises'
import { type EventEnvelope, subjects } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeEnvelope } from '../src/connection/codec.ts'
import { followEvents, readLatest, readRange } from '../src/events/event-follower.ts'
import { EventLog } from '../src/events/event-log.ts'
import { type Broker, eventOf, startBroker, TYPE_OF } from './bus-fixture.ts'

let broker: Broker
let log: EventLog
beforeAll(async () => {
  broker = await startBroker()
  log = new EventLog(broker.bus)
})
afterAll(() => broker.stop())

const append = async (laneId: string, n: number, aggregate: 'lane' | 'session' | 'approval' = 'lane') =>
  log.append(aggregate, eventOf(laneId, n, { type: TYPE_OF[aggregate] }), (await log.last(laneId, aggregate))?.seq ?? 0)
const fill = async (laneId: string, count: number) => {
  let seq = 0
  for (let n = 1; n <= count; n += 1) seq = await log.append('lane', eventOf(laneId, n), seq)
  return seq
}
const lastSeq = async () => (await log.extent()).lastSeq
const consumers = async () => (await broker.bus.jsm.streams.info('LANE_EVENTS')).state.consumer_count
const collect = async (range: { from: number; to: number; filter?: string }) => {
  const seqs: number[] = []
  for await (const raw of readRange(broker.bus, range)) seqs.push(raw.seq)
  return seqs
}
const follow = (
  options: { from: number; filter?: string; observe?: (problem: string) => void },
  handle?: (event: EventEnvelope) => Promise<void>,
) => {
  const ending = new AbortController()
  const seen: EventEnvelope[] = []
  const running = followEvents(broker.bus, { ...options, decode: decodeEnvelope, signal: ending.signal }, async (event) => {
    await handle?.(event)
    seen.push(event)
  })
  return {
    seen,
    stop: async () => {
      ending.abort()
      await running
    },
  }
}

describe('on an empty log', () => {
  it('readRange and readLatest end at once, and followEvents waits for the first event', async () => {
    expect(await collect({ from: 1, to: 100 })).toEqual([])
    expect(await readLatest(broker.bus, subjects.allEvents, decodeEnvelope)).toEqual([])
    const following = follow({ from: 0 })
    await waitFor(async () => (await consumers()) === 1, { describe: 'the follower to wait' })
    const seq = await append('first', 1)
    await waitFor(() => following.seen.length > 0)
    expect(following.seen).toMatchObject([{ seq, laneId: 'first', payload: { n: 1 } }])
    await following.stop()
  })
})

describe('readRange', () => {
  it('gives exactly the range, in order', async () => {
    const end = await fill('range', 20)
    const start = end - 19
    expect(await collect({ from: start, to: end })).toEqual(Array.from({ length: 20 }, (_, index) => start + index))
    expect(await collect({ from: start + 5, to: start + 7 })).toEqual([start + 5, start + 6, start + 7])
    expect(await collect({ from: end, to: end })).toEqual([end])
    expect(await collect({ from: end + 1, to: end })).toEqual([])
    expect(await collect({ from: end, to: end + 1000 })).toEqual([end])
    expect(await collect({ from: 0, to: 1 })).toEqual([1])
  })

  it('ends where the filter matches nothing', async () => {
    expect(await collect({ from: 1, to: await lastSeq(), filter: subjects.laneEvents('nobody') })).toEqual([])
  })

  it('ends when the last match lies before the end of the range', async () => {
    const match = await append('early', 1)
    await fill('after-early', 5)
    expect(await collect({ from: 1, to: await lastSeq(), filter: subjects.laneEvents('early') })).toEqual([match])
  })

  it('ends when the only match lies behind the end of the range', async () => {
    const to = await append('before-late', 1)
    await append('late', 1)
    expect(await collect({ from: 1, to, filter: subjects.laneEvents('late') })).toEqual([])
  })

  it('does not go on with what is appended while it reads', async () => {
    const to = await fill('growing', 50)
    const seqs: number[] = []
    for await (const raw of readRange(broker.bus, { from: to - 49, to })) {
      seqs.push(raw.seq)
      if (seqs.length === 1) await append('growing', 51)
    }
    expect(seqs).toEqual(Array.from({ length: 50 }, (_, index) => to - 49 + index))
  })

  it('ends although what was left of the range is purged while it reads', async () => {
    const to = await fill('purged-meanwhile', 1200)
    const seqs: number[] = []
    for await (const raw of readRange(broker.bus, { from: to - 1199, to, filter: subjects.laneEvents('purged-meanwhile') })) {
      if (seqs.length === 0) await log.purgeLane('purged-meanwhile', to)
      seqs.push(raw.seq)
    }
    expect(seqs.length).toBeLessThan(1200)
    expect(seqs).toEqual(seqs.map((_, index) => to - 1199 + index))
  }, 15_000)

  it.each([0, 3])('neither ends early nor hangs when the server crashes while it reads (pause %i ms per event)', async (pause) => {
    const laneId = `crash-read-${pause}`
    const to = await fill(laneId, 800)
    const seqs: number[] = []
    const read = async () => {
      for await (const raw of readRange(broker.bus, { from: to - 799, to })) {
        seqs.push(raw.seq)
        if (pause > 0) await sleep(pause)
        if (seqs.length === 100) {
          await broker.nats.kill('SIGKILL')
          await broker.restart()
        }
      }
      return 'ended'
    }
    const outcome = await read().catch(() => 'threw')
    expect(seqs).toEqual(seqs.map((_, index) => to - 799 + index))
    if (outcome === 'ended') expect(seqs).toHaveLength(800)
  })

  it('leaves no consumer behind, also when the reader stops early', async () => {
    for await (const raw of readRange(broker.bus, { from: 1, to: await lastSeq() })) if (raw.seq > 3) break
    await waitFor(async () => (await consumers()) === 0, { describe: 'no consumer' })
  })
})

describe('readLatest', () => {
  it('is the newest event of each aggregate, each once', async () => {
    for (let n = 1; n <= 5; n += 1) await append('latest-a', n)
    await append('latest-a', 9, 'session')
    await append('latest-b', 2)
    const latest = (await readLatest(broker.bus, subjects.allEvents, decodeEnvelope)).filter(({ laneId }) => laneId.startsWith('latest-'))
    expect(latest.map(({ laneId, payload }) => [laneId, payload['n']])).toEqual([
      ['latest-a', 5],
      ['latest-a', 9],
      ['latest-b', 2],
    ])
    const sessions = await readLatest(broker.bus, subjects.aggregateEvents('session'), decodeEnvelope)
    expect(sessions.map(({ payload }) => payload['n'])).toEqual([9])
    expect(await readLatest(broker.bus, 'lane.evt.nobody.*', decodeEnvelope)).toEqual([])
  })

  it('is everything or fails: a crash of the server never makes it a part', async () => {
    const lanes = 400
    await Promise.all(Array.from({ length: lanes }, (_, index) => log.append('approval', eventOf(`many-${index}`, 1), 0)))
    const read = () => readLatest(broker.bus, subjects.aggregateEvents('approval'), decodeEnvelope).then(({ length }) => length)
    expect(await read()).toBe(lanes)
    for (const after of [0, 2, 5, 10]) {
      const reading = read().catch(() => 'failed')
      await sleep(after)
      await broker.nats.kill('SIGKILL')
      await broker.restart()
      const asked = performance.now()
      expect([lanes, 'failed']).toContain(await reading)
      expect(performance.now() - asked).toBeLessThan(5000)
    }
  })
})

describe('followEvents', () => {
  it('starts at the sequence asked for and follows the filter', async () => {
    const start = await append('filtered', 1)
    const following = follow({ from: start + 1, filter: subjects.aggregateEvents('approval') })
    await append('filtered', 2)
    const seq = await append('filtered', 3, 'approval')
    await waitFor(() => following.seen.length > 0)
    expect(following.seen.map((event) => event.seq)).toEqual([seq])
    await following.stop()
  })

  it('hands an event over again until the handler has taken it, and none after it before that', async () => {
    const start = (await lastSeq()) + 1
    const tries: number[] = []
    const problems: string[] = []
    const following = follow({ from: start, observe: (problem) => problems.push(problem) }, (event) => {
      tries.push(Number(event.payload['n']))
      return event.payload['n'] === 2 && tries.filter((n) => n === 2).length < 3 ? Promise.reject(new Error('not now')) : Promise.resolve()
    })
    await fill('stubborn', 4)
    await waitFor(() => following.seen.length === 4)
    expect(tries).toEqual([1, 2, 2, 2, 3, 4])
    expect(problems.filter((problem) => problem.includes('not now'))).toHaveLength(2)
    await following.stop()
  })

  it('passes over what is no event, and says so', async () => {
    const start = (await lastSeq()) + 1
    const problems: string[] = []
    const following = follow({ from: start, observe: (problem) => problems.push(problem) })
    await broker.bus.js.publish('lane.evt.foreign.lane', new TextEncoder().encode('hello'))
    await broker.bus.js.publish('lane.evt.foreign.session', new TextEncoder().encode('{"id":"evt_1"}'))
    const seq = await append('after-foreign', 1)
    await waitFor(() => following.seen.length > 0)
    expect(following.seen.map((event) => event.seq)).toEqual([seq])
    expect(problems.map((problem) => problem.replace(/\d+/, 'N'))).toEqual([
      'message N of lane.evt.foreign.lane was skipped: not JSON',
      expect.stringMatching(/^message N of lane.evt.foreign.session was skipped: not an event: /),
    ])
    await following.stop()
    await log.purgeLane('foreign', seq)
  })

  it('ends soon after its signal, also in the middle of a handler that fails', async () => {
    const start = (await lastSeq()) + 1
    let tries = 0
    const following = follow({ from: start }, () => {
      tries += 1
      return Promise.reject(new Error('never'))
    })
    await append('unending', 1)
    await waitFor(() => tries > 0)
    const asked = performance.now()
    await following.stop()
    expect(performance.now() - asked).toBeLessThan(2500)
    expect(following.seen).toEqual([])
  })

  it('is back soon after a server that flaps, also when that hits the making of its consumer', async () => {
    const start = (await lastSeq()) + 1
    const following = follow({ from: start })
    for (const after of [0, 5, 20]) {
      await broker.nats.kill('SIGKILL')
      await broker.restart()
      await sleep(after)
    }
    const seq = await append('flapping', 1)
    await waitFor(() => following.seen.length > 0, { timeoutMs: 8000 })
    expect(following.seen.map((event) => event.seq)).toEqual([seq])
    await following.stop()
  })

  it('misses nothing and repeats nothing over crashes of the server', async () => {
    const start = (await lastSeq()) + 1
    const following = follow({ from: start })
    const narrow = follow({ from: start, filter: subjects.laneEvents('crashing-1') })
    const ending = new AbortController()
    const acknowledged: number[] = []
    const written = new Map([
      ['crashing-1', 0],
      ['crashing-2', 0],
    ])
    const write = async (laneId: string) => {
      const own = new EventLog(await broker.connect())
      for (let n = 1, seq = 0; !ending.signal.aborted; n += 1) {
        seq = await own.append('lane', eventOf(laneId, n), seq)
        acknowledged.push(seq)
        written.set(laneId, n)
        await sleep(2)
      }
    }
    /** Until each writer has so many more events acknowledged. */
    const untilWritten = (more: number) => {
      const wanted = [...written.values()].map((count) => count + more)
      return waitFor(() => [...written.values()].every((count, index) => count >= (wanted[index] ?? 0)), { timeoutMs: 15_000 })
    }
    const writing = Promise.all([...written.keys()].map(write))
    for (let round = 0; round < 2; round += 1) {
      await untilWritten(100)
      await broker.nats.kill('SIGKILL')
      await waitFor(() => !broker.bus.connected(), { describe: 'the outage to be noticed' })
      await broker.restart()
    }
    await untilWritten(100)
    ending.abort()
    await writing
    const wanted = acknowledged.sort((left, right) => left - right)
    await waitFor(() => following.seen.at(-1)?.seq === wanted.at(-1), { timeoutMs: 15_000, describe: 'the follower to catch up' })
    expect(following.seen.map(({ seq }) => seq)).toEqual(wanted)
    await waitFor(() => narrow.seen.length === following.seen.filter(({ laneId }) => laneId === 'crashing-1').length, { timeoutMs: 15_000 })
    expect(narrow.seen.map(({ payload }) => payload['n'])).toEqual(narrow.seen.map((_, index) => index + 1))
    await Promise.all([following.stop(), narrow.stop()])
  })
})
