import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { ScriptedLog, ScriptedSink, settle, tick } from '../../test/scripted-log.ts'
import { StreamClient } from './client.ts'
import type { StreamFilter } from './filter.ts'
import { EventHub } from './hub.ts'

const everything: StreamFilter = { types: [], scope: {}, deltas: false }
const laneOnly = (laneId: string): StreamFilter => ({ types: [], scope: { laneIds: [laneId] }, deltas: false })

const hubs: EventHub[] = []
const startHub = async (source: ScriptedLog, ring = { events: 8, bytes: 1e6 }): Promise<EventHub> => {
  const hub = new EventHub({ source, ring, checkEveryMs: 1e6, retryMs: 1 })
  hubs.push(hub)
  const started = hub.start()
  await started
  return hub
}
afterEach(() => {
  for (const hub of hubs.splice(0)) hub.stop()
})

const open = (hub: EventHub, position: number, filter = everything, sink = new ScriptedSink(), drainTimeoutMs = 30_000) => {
  let cut: string | undefined
  const client = new StreamClient(sink, hub, {
    filter,
    position,
    retryMs: 2000,
    readRetryMs: 1,
    drainTimeoutMs,
    onGone: (reason) => {
      cut = reason
      hub.detach(client)
    },
  })
  hub.attach(client)
  return { client, sink, cut: () => cut }
}

const append = (log: ScriptedLog, count: number, laneId = 'a') => {
  for (let made = 0; made < count; made += 1) log.append(laneId)
}
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

describe('EventHub', () => {
  it('delivers live events synchronously', async () => {
    const log = new ScriptedLog()
    const { sink } = open(await startHub(log), 0)
    append(log, 3)
    log.deliver()
    expect(sink.ids()).toEqual([1, 2, 3])
    expect(log.reads).toBe(0)
  })

  it('opens with the reconnect delay and the position', async () => {
    const log = new ScriptedLog()
    append(log, 5)
    const hub = await startHub(log)
    expect(open(hub, hub.last).sink.text).toBe('retry: 2000\nid: 5\n\n')
  })

  it('fills a gap in the live events before it continues', async () => {
    const log = new ScriptedLog()
    const hub = await startHub(log)
    const { sink } = open(hub, 0)
    append(log, 10)
    log.deliver(2)
    log.lose(5)
    log.deliver()
    await settle(() => hub.last === 10)
    expect(sink.ids()).toEqual(range(1, 10))
    expect(hub.fills).toBe(1)
  })

  it('finds lost events at the end of the log after a reconnect', async () => {
    const log = new ScriptedLog()
    const hub = await startHub(log)
    const { sink } = open(hub, 0)
    append(log, 4)
    log.reconnect()
    await settle(() => hub.last === 4)
    expect(sink.ids()).toEqual([1, 2, 3, 4])
  })

  it('replays from memory and from the log', async () => {
    const log = new ScriptedLog()
    append(log, 20)
    const hub = await startHub(log)
    const reads = log.reads
    const near = open(hub, 15)
    expect(near.sink.ids()).toEqual(range(16, 20))
    expect(log.reads).toBe(reads)
    const far = open(hub, 2)
    await settle(() => far.client.live)
    expect(far.sink.ids()).toEqual(range(3, 20))
    expect(log.reads).toBe(reads + 1)
  })

  it('reports which events are gone', async () => {
    const log = new ScriptedLog()
    append(log, 30)
    const hub = await startHub(log)
    log.expireTo(11)
    const { client, sink } = open(hub, 4)
    await settle(() => client.live)
    expect(sink.frames()[1]).toEqual({ event: 'gap', data: '{"reason":"expired","from":5,"to":10}', id: '10' })
    expect(sink.ids()).toEqual(range(11, 30))
  })

  it('reports no gap for events purged from the middle', async () => {
    const log = new ScriptedLog()
    append(log, 30)
    log.events = log.events.filter(({ seq }) => seq % 5 !== 0)
    const hub = await startHub(log)
    const { client, sink } = open(hub, 0)
    await settle(() => client.live)
    expect(sink.frames().some(({ event }) => event === 'gap')).toBe(false)
    expect(sink.ids()).toEqual(range(1, 30).filter((seq) => seq % 5 !== 0))
  })

  it('starts over when the log is re-created', async () => {
    const log = new ScriptedLog()
    append(log, 12)
    const hub = await startHub(log)
    const { client, sink } = open(hub, 12)
    log.recreate()
    append(log, 3)
    log.deliver()
    await settle(() => sink.ids().length === 3 && client.live)
    expect(sink.frames()[1]).toEqual({ event: 'reset', data: '{"reason":"log_replaced","from":1,"to":3}', id: '0' })
    expect(sink.ids()).toEqual([1, 2, 3])
    append(log, 2)
    log.deliver()
    await settle(() => sink.ids().length === 5)
    expect(sink.ids()).toEqual([1, 2, 3, 4, 5])
  })

  it('disconnects a client that reads nothing, and no other', async () => {
    const log = new ScriptedLog()
    const hub = await startHub(log)
    const stalled = open(hub, 0, everything, new ScriptedSink(100), 20)
    const healthy = open(hub, 0)
    append(log, 50)
    log.deliver()
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect([stalled.cut(), stalled.sink.closed]).toEqual(['not_draining', true])
    expect(healthy.sink.ids()).toEqual(range(1, 50))
    expect(hub.clients.size).toBe(1)
  })

  it('never disconnects a slow client that advances, and buffers nothing for it', async () => {
    const log = new ScriptedLog()
    const hub = await startHub(log)
    const { client, sink, cut } = open(hub, 0, everything, new ScriptedSink(120), 200)
    append(log, 300)
    log.deliver()
    expect(sink.text.length).toBeLessThan(400)
    for (let turn = 0; turn < 5000 && !client.live; turn += 1) {
      sink.drain()
      await tick()
    }
    expect(sink.ids()).toEqual(range(1, 300))
    expect(cut()).toBeUndefined()
  })

  it('moves the cursor of a client past filtered events', async () => {
    const log = new ScriptedLog()
    const hub = await startHub(log)
    const { client, sink } = open(hub, 0, laneOnly('b'))
    append(log, 9)
    log.deliver()
    client.heartbeat()
    expect(sink.text.endsWith(': heartbeat\nid: 9\n\n')).toBe(true)
    client.heartbeat()
    expect(sink.text.endsWith(': heartbeat\n\n')).toBe(true)
  })
})

type Step =
  | { do: 'append'; lane: 'a' | 'b'; count: number }
  | { do: 'deliver' | 'lose' | 'fail'; count: number }
  | { do: 'connect'; filtered: boolean; room: number; back: number }
  | { do: 'cut' | 'drain'; which: number; at: number }
  | { do: 'reconnect' | 'outage' | 'wait' }

const small = fc.integer({ min: 1, max: 12 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('append' as const), lane: fc.constantFrom('a' as const, 'b' as const), count: small }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('deliver' as const), count: small }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('lose' as const, 'fail' as const), count: small }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('connect' as const),
      filtered: fc.boolean(),
      room: fc.constantFrom(60, 200, 1000, Number.POSITIVE_INFINITY),
      back: fc.nat(40),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('cut' as const, 'drain' as const), which: fc.nat(20), at: fc.nat(2000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('reconnect' as const, 'outage' as const, 'wait' as const) }) },
)

/** A client across its connections, with the ids it received. */
type Watcher = { filter: StreamFilter; start: number; ids: number[]; room: number; now: ReturnType<typeof open> }

describe('with any interleaving of appends, losses, replays, stalls and disconnects', () => {
  const run = async (steps: Step[]): Promise<void> => {
    const log = new ScriptedLog()
    append(log, 10)
    const hub = await startHub(log)
    const watchers: Watcher[] = []
    const cut = (watcher: Watcher, at: number) => {
      const { sink } = watcher.now
      const length = Math.min(sink.text.length, Math.max(at, sink.text.indexOf('\n\n') + 2))
      watcher.ids.push(...sink.ids(length))
      const cursor = sink.lastId(length)
      sink.close()
      watcher.now = open(hub, cursor, watcher.filter, new ScriptedSink(watcher.room))
    }
    for (const action of steps) {
      if (action.do === 'append') for (let made = 0; made < action.count; made += 1) log.append(action.lane)
      else if (action.do === 'deliver') log.deliver(action.count)
      else if (action.do === 'lose') log.lose(action.count)
      else if (action.do === 'fail') log.readsUntilFailure = action.count
      else if (action.do === 'reconnect') log.reconnect()
      else if (action.do === 'wait') await tick()
      else if (action.do === 'outage') {
        log.up = false
        await tick()
        await tick()
        log.up = true
        log.reconnect()
      } else if (action.do === 'connect') {
        const start = Math.max(0, hub.last - action.back)
        const filter = action.filtered ? laneOnly('a') : everything
        watchers.push({ filter, start, ids: [], room: action.room, now: open(hub, start, filter, new ScriptedSink(action.room)) })
      } else if ('which' in action) {
        const watcher = watchers[action.which % Math.max(1, watchers.length)]
        if (watcher && action.do === 'cut') cut(watcher, action.at)
        else watcher?.now.sink.drain()
      }
    }
    log.deliver()
    log.reconnect()
    for (let turn = 0; turn < 3000; turn += 1) {
      for (const { now } of watchers) now.sink.drain()
      if (hub.last === log.lastSeq && watchers.every(({ now }) => now.client.live)) break
      // A retry of the hub takes a millisecond; everything else is over within a turn of the event loop.
      await (turn % 10 === 9 ? sleep(1) : tick())
    }
    expect(hub.last).toBe(log.lastSeq)
    for (const { filter, start, ids, now } of watchers) {
      const wanted = log.events.filter(({ seq, subject }) => seq > start && (filter === everything || subject.includes('.a.')))
      expect([...ids, ...now.sink.ids()]).toEqual(wanted.map(({ seq }) => seq))
    }
    hub.stop()
  }

  it('every client receives exactly its events, once and in order', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), run), { numRuns: 300 })
  }, 120_000)
})
