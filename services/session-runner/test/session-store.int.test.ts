import { AggregateStore, applyTopology, type Bus, connectBus, EventLog, OwnedAggregate, readLatest, readRange } from '@codex-bridge/bus'
import { type SessionState, subjects } from '@codex-bridge/contracts'
import { stampEvent } from '@codex-bridge/service-kit'
import { type NatsServer, startNats, waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { forwarded } from '../src/sessions/session-decider.ts'
import { SessionStore } from '../src/sessions/session-store.ts'
import { sessionState } from './session-samples.ts'

let server: NatsServer
let bus: Bus
let record: SessionStore
let faults: unknown[]
let laneId = ''
let lanes = 0

beforeAll(async () => {
  server = await startNats({ exclusive: true })
  bus = await connectBus({ url: server.url, role: 'migrator', instance: 'test' })
  await applyTopology(bus)
})
afterAll(async () => {
  await bus.close()
  await server.stop()
})
beforeEach(async () => {
  lanes += 1
  laneId = `lane-${lanes}`
  faults = []
  const store = new AggregateStore<SessionState>(new EventLog(bus), 'session', stampEvent)
  record = new SessionStore(new OwnedAggregate(store, await store.load(laneId), {}), sessionState({ laneId }), (fault) =>
    faults.push(fault),
  )
})

const told = (name: string) => (state: SessionState) => forwarded(state, 'lane.error.notification', 'error', { name })

const stored = async () => {
  const names: unknown[] = []
  const to = (await new EventLog(bus).extent()).lastSeq
  for await (const { bytes } of readRange(bus, { from: 1, to, filter: subjects.event(laneId, 'session') })) {
    const { payload } = JSON.parse(Buffer.from(bytes).toString()) as { payload: { params: { name: unknown } } }
    names.push(payload.params.name)
  }
  return names
}

it('stores what yields behind everything asked for meanwhile, in its own order, and is settled only then', async () => {
  record.appendLater(told('a'))
  record.appendLowPriority(told('y1'))
  record.appendLater(told('b'))
  record.appendLowPriority(told('y2'))
  const last = record.append(told('c'))
  expect((await last)?.payload['params']).toEqual({ name: 'c' })
  await record.settled()
  expect(await stored()).toEqual(['a', 'b', 'c', 'y1', 'y2'])
  record.appendLowPriority(told('y3'))
  await record.settled()
  expect((await readLatest(bus, subjects.event(laneId, 'session')))[0]?.payload['params']).toEqual({ name: 'y3' })
})

it('lets nothing yield for ever: of more than fifty, the oldest take their turns while others are still being stored', async () => {
  let flowing = true
  const flow = async () => {
    while (flowing) await record.append(told('n'))
  }
  const flows = [flow(), flow(), flow()]
  let taken = 0
  for (let index = 0; index < 60; index += 1) {
    record.appendLowPriority((state) => {
      taken += 1
      return told(`y${index}`)(state)
    })
  }
  await waitFor(() => taken >= 10, { timeoutMs: 10_000, describe: 'ten that yielded' })
  expect(taken).toBe(10)
  flowing = false
  await Promise.all(flows)
  await record.settled()
  expect((await stored()).filter((name) => name !== 'n')).toEqual(Array.from({ length: 60 }, (_, index) => `y${index}`))
})

it('hands over what goes wrong with a fact nobody waits for, and goes on', async () => {
  const fault = new TypeError('a fault of ours')
  record.appendLater(() => {
    throw fault
  })
  record.appendLowPriority(() => {
    throw fault
  })
  record.appendLater(told('next'))
  await record.settled()
  expect(faults).toEqual([fault, fault])
  expect(await stored()).toEqual(['next'])
})
