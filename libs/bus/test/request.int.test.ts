import { setTimeout as sleep } from 'node:timers/promises'
import { BridgeError } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NoRespondersError } from '../src/requests/call.ts'
import { serve, serveLane } from '../src/requests/endpoint.ts'
import { type Broker, startBroker } from './bus-fixture.ts'
import { startLossyProxy } from './lossy-proxy.ts'
import { about, Everyone, handlers, OfLane, One, Other } from './service-fixture.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker.stop())

describe('a request', () => {
  it('fails at once where nobody listens', async () => {
    const started = performance.now()
    await expect(broker.bus.call(OfLane.nothing, {}, { laneId: 'nobody', timeoutMs: 5000 })).rejects.toBeInstanceOf(NoRespondersError)
    expect(performance.now() - started).toBeLessThan(1000)
    expect(await broker.bus.callAll(Everyone.echo, { text: '' }, 500)).toEqual([])
  })

  it('times out with command_timeout, for it may have run', async () => {
    const endpoints = serveLane(broker.bus, 'late', OfLane, handlers('one'))
    try {
      await expect(broker.bus.call(OfLane.slow, { ms: 500 }, { laneId: 'late', timeoutMs: 100 })).rejects.toMatchObject({
        code: 'command_timeout',
      })
    } finally {
      await endpoints.stop()
    }
  })

  it('fails as bus_unavailable or command_timeout while the server is away, within its deadline', async () => {
    const bus = await broker.connect()
    await broker.nats.kill('SIGKILL')
    try {
      const started = performance.now()
      const error = await bus.call(One.nothing, {}, { timeoutMs: 1000 }).catch((problem: unknown) => problem)
      expect(error).toBeInstanceOf(BridgeError)
      expect(['bus_unavailable', 'command_timeout']).toContain((error as BridgeError).code)
      expect(performance.now() - started).toBeLessThan(3000)
    } finally {
      await broker.restart()
    }
  })
})

describe('a request after a break of the connection', () => {
  it('waits for a service that comes back later than its asker, and soon tells where there is none', async () => {
    const proxy = await startLossyProxy(broker.nats.port)
    const service = await broker.connect('migrator', { url: proxy.url })
    const endpoints = serveLane(service, 'later', OfLane, { echo: handlers('later').echo })
    try {
      const client = await broker.connect()
      const returned = proxy.refuse(300)
      await client.nc.reconnect()
      await waitFor(() => client.connected() && client.reconnectedAt() > 0)
      expect(await client.call(OfLane.echo, { text: 'x' }, { laneId: 'later', timeoutMs: 3000 })).toEqual({ text: 'x', name: 'later' })
      const asked = performance.now()
      await expect(client.call(OfLane.echo, { text: 'x' }, { laneId: 'nobody', timeoutMs: 3000 })).rejects.toBeInstanceOf(NoRespondersError)
      expect(performance.now() - asked).toBeLessThan(1500)
      await returned
    } finally {
      await endpoints.stop()
      await service.nc.close()
      await proxy.close()
    }
  })
})

describe('a request that is sent again', () => {
  it('is answered although the server crashed under it', async () => {
    let ran = 0
    const service = await broker.connect()
    const endpoints = serveLane(service, 'again', OfLane, {
      slow: async () => {
        ran += 1
        await sleep(300)
        return { ms: ran }
      },
    })
    try {
      const client = await broker.connect()
      const asking = client.call(OfLane.slow, { ms: 0 }, { laneId: 'again', timeoutMs: 8000, resendMs: 1000 })
      await waitFor(() => ran === 1)
      await broker.nats.kill('SIGKILL')
      await broker.restart()
      expect((await asking).ms).toBeGreaterThan(0)
    } finally {
      await endpoints.stop()
    }
  })

  it('reaches another instance when the one that took it is gone without a word', async () => {
    const dying = await broker.connect()
    let taken = false
    const hang = (): Promise<never> => {
      taken = true
      return new Promise(() => undefined)
    }
    const hanging = await serve(dying, about('approvals'), Other, { ...handlers('dying'), slow: hang })
    const client = await broker.connect()
    const asking = client.call(Other.slow, { ms: 1 }, { timeoutMs: 5000, resendMs: 300 })
    await waitFor(() => taken)
    await dying.nc.close()
    const endpoints = await serve(broker.bus, about('approvals'), Other, handlers('next'))
    try {
      expect(await asking).toEqual({ ms: 1 })
    } finally {
      await Promise.all([endpoints.stop(), hanging.stop(10)])
    }
  })
})
