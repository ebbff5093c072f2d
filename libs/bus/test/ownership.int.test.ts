import { randomBytes } from 'node:crypto'
import { AGGREGATES, type Aggregate, Approvals, BUCKETS, BUS_ROLES, type BusRole, STREAMS, subjects } from '@codex-bridge/contracts'
import { findExecutable, freePort, waitFor } from '@codex-bridge/testkit'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Bus } from '../src/bus.ts'
import { decodeEnvelope } from '../src/connection/codec.ts'
import { followEvents, readLatest } from '../src/events/event-follower.ts'
import { EventLog } from '../src/events/event-log.ts'
import { subscribeLive } from '../src/events/live-feed.ts'
import { Checkpoint } from '../src/events/reactor.ts'
import { LeaseTable } from '../src/leases/lease.ts'
import { serve } from '../src/requests/endpoint.ts'
import { renderServerConfig } from '../src/server/server-config.ts'
import { verifyTopology } from '../src/server/topology.ts'
import { JsonBucket } from '../src/storage/json-bucket.ts'
import { WorkQueue } from '../src/storage/work-queue.ts'
import { type Broker, eventOf, startBroker, TYPE_OF } from './bus-fixture.ts'

const passwords = Object.fromEntries(BUS_ROLES.map((role) => [role, randomBytes(9).toString('hex')])) as Record<BusRole, string>
const login = (role: BusRole) => ({ user: role, password: passwords[role] })

let broker: Broker
const buses = new Map<BusRole, Bus>()
const as = (role: BusRole): Bus => {
  const bus = buses.get(role)
  if (!bus) throw new Error(`no connection for ${role}`)
  return bus
}

beforeAll(async () => {
  expect(findExecutable('nats-server')).toBeDefined()
  const text = renderServerConfig({ host: '127.0.0.1', port: await freePort(), storeDir: 'x', passwords, version: '2.9.10' })
  // The directory is given on the command line, and the server refuses to be told twice.
  const configText = text.replace(/ *store_dir: "x"\n/, '')
  broker = await startBroker({ configText }, login('migrator'))
  for (const role of BUS_ROLES) buses.set(role, await broker.connect(role, { ...login(role), timeoutMs: 2000 }))
})
afterAll(() => broker.stop())

const owners: Record<Aggregate, BusRole> = { lane: 'lane-registry', session: 'session-runner', approval: 'approvals' }

describe('with the rendered server configuration', () => {
  it.each(AGGREGATES)('the owner of %s events can append them and nobody else can', async (aggregate) => {
    const laneId = `owned-${aggregate}`
    const seq = await new EventLog(as(owners[aggregate])).append(aggregate, eventOf(laneId, 1, { type: TYPE_OF[aggregate] }), 0)
    for (const role of BUS_ROLES.filter((name) => name !== 'migrator' && name !== owners[aggregate])) {
      const intruding = new EventLog(as(role)).append(aggregate, eventOf(laneId, 2), seq, { patienceMs: 100 })
      await expect(intruding, role).rejects.toMatchObject({ code: 'bus_unavailable' })
    }
    expect((await new EventLog(as('observer')).last(laneId, aggregate))?.seq).toBe(seq)
  })

  it('refuses a wrong password and none', async () => {
    for (const wrong of [{ user: 'gateway', password: 'wrong' }, {}]) {
      const connecting = broker.connect('gateway', { user: undefined, password: undefined, ...wrong })
      const outcome = await Promise.race([
        connecting.catch(() => 'refused'),
        new Promise((resolve) => setTimeout(() => resolve('waiting'), 1000)),
      ])
      expect(['refused', 'waiting']).toContain(outcome)
    }
  })

  it.each(BUS_ROLES.filter((role) => role !== 'migrator'))(
    '%s can do at start what every service does: verify, read, follow',
    async (role) => {
      const bus = as(role)
      await verifyTopology(bus)
      expect((await readLatest(bus, subjects.aggregateEvents('lane'), decodeEnvelope)).length).toBeGreaterThan(0)
      const ending = new AbortController()
      const seen: number[] = []
      const running = followEvents(bus, { from: 1, decode: decodeEnvelope, signal: ending.signal }, async ({ seq }) => {
        seen.push(seq)
      })
      await waitFor(() => seen.length >= 3)
      ending.abort()
      await running
    },
  )

  it.each(['lane-registry', 'session-runner', 'approvals', 'webhook-dispatcher'] as const)('%s can hold a lease', async (role) => {
    const holder = { id: role, instance: role, host: 'h', pid: 1, startTime: null }
    const table = await LeaseTable.open(as(role), holder, () => false)
    const lease = await table.acquire(`leader.${role}`, () => undefined)
    expect(lease?.state()).toBe('held')
    expect((await table.holders('leader.')).has(role)).toBe(true)
    await lease?.release()
  })

  it.each(['lane-registry', 'approvals', 'webhook-dispatcher'] as const)('%s can keep its checkpoint', async (role) => {
    const bucket = await JsonBucket.open(as(role), BUCKETS.settings, Checkpoint)
    await bucket.put(`checkpoint.${role}`, { seq: 1 })
    expect((await bucket.get(`checkpoint.${role}`))?.value).toEqual({ seq: 1 })
  })

  it('the dispatcher can queue, work, and keep subscriptions', async () => {
    const queue = new WorkQueue(as('webhook-dispatcher'), STREAMS.jobs)
    await queue.publish(subjects.job('wh_1'), { a: 1 }, 'one', 2000)
    const ending = new AbortController()
    let acknowledged = false
    const running = queue.consume(
      { durable: 'wh_1', filter: subjects.job('wh_1'), maxPending: 1, ackWaitMs: 5000, signal: ending.signal },
      (job) => {
        void job.ack().then(() => {
          acknowledged = true
        })
      },
    )
    await waitFor(() => acknowledged)
    ending.abort()
    await running
    await queue.drop('wh_1', subjects.job('wh_1'))
    const bucket = await JsonBucket.open(as('webhook-dispatcher'), BUCKETS.webhooks, Type.Object({ url: Type.String() }))
    await bucket.put('wh_1', { url: 'https://example.com' })
    const seen: string[] = []
    await bucket.watch(ending.signal, (key) => seen.push(key))
    const watching = new AbortController()
    await bucket.watch(watching.signal, (key) => seen.push(key))
    expect(seen).toContain('wh_1')
    watching.abort()
  })

  it('the gateway can ask a service and hears the log live; its answers come by its own inbox', async () => {
    const endpoints = await serve(as('approvals'), { name: 'approvals', version: '0.1.0' }, Approvals, {
      list: () => ({ approvals: [], nextCursor: null }),
    })
    try {
      expect(await as('gateway').call(Approvals.list, { laneId: 'a' })).toEqual({ approvals: [], nextCursor: null })
      const live: string[] = []
      const stop = subscribeLive(as('gateway'), ({ subject }) => live.push(subject))
      await as('gateway').nc.flush()
      await new EventLog(as('lane-registry')).append('lane', eventOf('live', 1), 0)
      await waitFor(() => live.length === 1)
      expect(live).toEqual(['lane.evt.live.lane'])
      stop()
    } finally {
      await endpoints.stop()
    }
  })

  it('the lane-registry can purge a lane; the session-runner cannot', async () => {
    const log = new EventLog(as('lane-registry'))
    const seq = await log.append('lane', eventOf('gone', 1), 0)
    await expect(new EventLog(as('session-runner')).purgeLane('gone', seq)).rejects.toThrow()
    expect((await log.last('gone', 'lane'))?.seq).toBe(seq)
    await log.purgeLane('gone', seq)
    expect(await log.last('gone', 'lane')).toBeUndefined()
  })
})
