import type { Draft, SessionState } from '@codex-bridge/contracts'
import { sampleEvent } from '@codex-bridge/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { AggregateStore, OwnedAggregate } from '../src/events/aggregate-store.ts'
import { EventLog } from '../src/events/event-log.ts'
import { type Broker, startBroker } from './bus-fixture.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker.stop())

let made = 0
const stamp = () => {
  made += 1
  return { id: `evt_owned${made}`, ts: new Date().toISOString() }
}
const storeOf = () => new AggregateStore(new EventLog(broker.bus), 'session', stamp)
const own = async (laneId: string) => new OwnedAggregate(storeOf(), await storeOf().load(laneId), {})
/** Counts in the epoch of the session's state. */
const bump =
  (laneId: string, runnerId: string) =>
  (before: SessionState | undefined): Draft<'session'> => {
    const { type, payload, state } = sampleEvent('lane.session.claimed')
    const epoch = (before?.epoch ?? 0) + 1
    return { type, laneId, threadId: null, sessionId: laneId, payload, state: { ...state, laneId, epoch, runnerId } } as Draft<'session'>
  }

it('carries out updates in the order they were asked for, each on the state the one before led to', async () => {
  const owned = await own('order')
  const seen: (number | undefined)[] = []
  const all = Array.from({ length: 20 }, () =>
    owned.update((state) => {
      seen.push(state?.epoch)
      return bump('order', 'a')(state)
    }),
  )
  expect(owned.waiting).toBe(20)
  const events = await Promise.all(all)
  expect(owned.waiting).toBe(0)
  expect(seen).toEqual([undefined, ...Array.from({ length: 19 }, (_, index) => index + 1)])
  expect(events.map((event) => event?.seq)).toEqual([...events.map((event) => event?.seq ?? 0)].sort((left, right) => left - right))
  expect(owned.state).toMatchObject({ epoch: 20, runnerId: 'a' })
  expect((await storeOf().load('order')).seq).toBe(owned.seq)
})

it('an update that changes nothing or refuses does not stop the next', async () => {
  const owned = await own('nothing')
  expect(await owned.update(() => undefined)).toBeUndefined()
  await expect(
    owned.update(() => {
      throw new Error('no')
    }),
  ).rejects.toThrow('no')
  expect(owned.fenced).toBe(false)
  await owned.update(bump('nothing', 'a'))
  expect(owned.state?.epoch).toBe(1)
})

it('the second owner fences the first: its next append and every later one throw fenced, and nothing of them is stored', async () => {
  const first = await own('fence')
  await first.update(bump('fence', 'first'))
  const second = await own('fence')
  await second.update(bump('fence', 'second'))
  const late = [first.update(bump('fence', 'first')), first.update(bump('fence', 'first')), first.update(bump('fence', 'first'))]
  for (const outcome of await Promise.allSettled(late)) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'fenced' } })
  }
  expect(first.fenced).toBe(true)
  await first.settled()
  await second.update(bump('fence', 'second'))
  expect((await storeOf().load('fence')).state).toMatchObject({ epoch: 3, runnerId: 'second' })
})

it('an owner that cannot know what was stored counts as fenced', async () => {
  const bus = await broker.connect('migrator', { timeoutMs: 500 })
  const store = new AggregateStore(new EventLog(bus), 'session', stamp)
  const owned = new OwnedAggregate(store, await store.load('unsure'), { patienceMs: 100 })
  await owned.update(bump('unsure', 'a'))
  await broker.nats.pause()
  try {
    await expect(owned.update(bump('unsure', 'a'))).rejects.toMatchObject({ code: 'bus_unavailable' })
  } finally {
    await broker.nats.resume()
  }
  expect(owned.fenced).toBe(true)
  await expect(owned.update(bump('unsure', 'a'))).rejects.toMatchObject({ code: 'fenced' })
})

it('a transaction begins with the version its caller knows, and loads the newest when that is old', async () => {
  const store = storeOf()
  const { version: first } = await store.transact('known', ({ state }) => bump('known', 'a')(state))
  const seen: (number | undefined)[] = []
  const change = ({ state }: { state: SessionState | undefined }) => {
    seen.push(state?.epoch)
    return bump('known', 'b')(state)
  }
  expect((await store.transact('known', change, {}, first)).version.state).toMatchObject({ epoch: 2, runnerId: 'b' })
  expect((await store.transact('known', change, {}, first)).version.state).toMatchObject({ epoch: 3, runnerId: 'b' })
  expect(seen).toEqual([1, 1, 2])
})
