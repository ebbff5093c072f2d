import { AggregateStore, type Bus, decodeEnvelope, EventLog, OwnedAggregate, readLatest, readRange } from '@codex-bridge/bus'
import { type Broker, startBroker } from '@codex-bridge/bus/testing'
import { type SessionState, subjects } from '@codex-bridge/contracts'
import { stampEvent } from '@codex-bridge/service-kit'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { forwarded } from '../src/sessions/session-decider.ts'
import { SessionStore } from '../src/sessions/session-store.ts'
import { sessionState } from './session-builders.ts'

let broker: Broker
let bus: Bus
let store: SessionStore
let faults: unknown[]
let laneId = ''
let lanes = 0

beforeAll(async () => {
  broker = await startBroker()
  bus = broker.bus
})
afterAll(async () => {
  await broker.stop()
})
beforeEach(async () => {
  lanes += 1
  laneId = `lane-${lanes}`
  faults = []
  const aggregates = new AggregateStore(new EventLog(bus), 'session', stampEvent)
  store = new SessionStore(new OwnedAggregate(aggregates, await aggregates.load(laneId), {}), sessionState({ laneId }), (fault) =>
    faults.push(fault),
  )
})

const fact = (name: string) => (state: SessionState) => forwarded(state, 'error', { name })

const stored = async () => {
  const names: unknown[] = []
  const to = (await new EventLog(bus).extent()).lastSeq
  for await (const { bytes } of readRange(bus, { from: 1, to, filter: subjects.event(laneId, 'session') })) {
    const { payload } = JSON.parse(Buffer.from(bytes).toString()) as { payload: { params: { name: unknown } } }
    names.push(payload.params.name)
  }
  return names
}

it('stores low-priority events after everything else, in their own order, and is settled only then', async () => {
  store.appendLater(fact('a'))
  store.appendLowPriority(fact('y1'))
  store.appendLater(fact('b'))
  store.appendLowPriority(fact('y2'))
  const last = store.append(fact('c'))
  expect((await last)?.payload).toMatchObject({ params: { name: 'c' } })
  await store.settled()
  expect(await stored()).toEqual(['a', 'b', 'c', 'y1', 'y2'])
  store.appendLowPriority(fact('y3'))
  await store.settled()
  expect((await readLatest(bus, subjects.event(laneId, 'session'), decodeEnvelope))[0]?.payload['params']).toEqual({ name: 'y3' })
})

it('does not defer without limit: beyond fifty deferred events, the oldest are stored among the others', async () => {
  let flowing = true
  const flow = async () => {
    while (flowing) await store.append(fact('n'))
  }
  const flows = [flow(), flow(), flow()]
  let taken = 0
  for (let index = 0; index < 60; index += 1) {
    store.appendLowPriority((state) => {
      taken += 1
      return fact(`y${index}`)(state)
    })
  }
  await waitFor(() => taken >= 10, { timeoutMs: 10_000, describe: 'ten deferred events stored' })
  expect(taken).toBe(10)
  flowing = false
  await Promise.all(flows)
  await store.settled()
  expect((await stored()).filter((name) => name !== 'n')).toEqual(Array.from({ length: 60 }, (_, index) => `y${index}`))
})

it('reports a failure of a fact that nobody waits for, and continues', async () => {
  const fault = new TypeError('internal fault')
  store.appendLater(() => {
    throw fault
  })
  store.appendLowPriority(() => {
    throw fault
  })
  store.appendLater(fact('next'))
  await store.settled()
  expect(faults).toEqual([fault, fault])
  expect(await stored()).toEqual(['next'])
})

it('drops facts that nobody waits for once it is closed', async () => {
  store.appendLater(fact('before'))
  store.close()
  store.appendLater(fact('late'))
  store.appendLowPriority(fact('later'))
  await store.append(fact('waited for'))
  await store.settled()
  expect(await stored()).toEqual(['before', 'waited for'])
})
