import { setTimeout as sleep } from 'node:timers/promises'
import { BridgeError } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RawJson, type ServedRequest, serve, serveSubject } from '../src/requests/endpoint.ts'
import { NoRespondersError, requestJson, requestMany, requestText } from '../src/requests/request.ts'
import { type Rig, startRig } from './bus-fixture.ts'
import { startLossyProxy } from './lossy-proxy.ts'

let rig: Rig
beforeAll(async () => {
  rig = await startRig()
})
afterAll(() => rig.stop())

const Requests = {
  echo: Type.Object({ text: Type.String() }, { additionalProperties: false }),
  refuse: Type.Object({}),
  fail: Type.Object({}),
  slow: Type.Object({ ms: Type.Integer() }),
  raw: Type.Object({}),
  nothing: Type.Object({}),
  large: Type.Object({}),
  unprintable: Type.Object({}),
}
const handlers = (name: string) => ({
  echo: ({ text }: { text: string }) => ({ text, name }),
  refuse: async () => {
    await sleep(1)
    throw new BridgeError('lane_exists', 'there is one', { details: { laneId: 'a' } })
  },
  fail: async () => {
    await sleep(1)
    throw new Error('secret: /root/.ssh')
  },
  slow: async ({ ms }: { ms: number }) => {
    await sleep(ms)
    return { ms }
  },
  raw: () => new RawJson('{"a" : 1}'),
  nothing: () => undefined,
  large: () => ({ text: 'x'.repeat(3 * 1024 * 1024) }),
  unprintable: () => {
    const details: Record<string, unknown> = {}
    details['self'] = details
    throw new BridgeError('conflict', 'circular', { details })
  },
})
const about = (service: 'registry' | 'approvals' | 'codex') => ({ name: `test-${service}`, version: '0.1.0', service })

/** Collects what would end a service: rejections nobody handles. */
const unhandled: unknown[] = []
const note = (error: unknown) => unhandled.push(error)
beforeAll(() => {
  process.on('unhandledRejection', note)
})
afterAll(() => {
  process.off('unhandledRejection', note)
})

describe('a service', () => {
  it('answers, validates, and maps every failure to a code of the registry', async () => {
    const served: ServedRequest[] = []
    const endpoints = await serve(rig.bus, about('registry'), Requests, handlers('one'), { observe: (request) => served.push(request) })
    const client = await rig.connect()
    const ask = (verb: string, body: unknown) => requestJson(client, `lane.cmd.registry.${verb}`, body)
    try {
      expect(await ask('echo', { text: 'ü' })).toEqual({ text: 'ü', name: 'one' })
      expect(await requestText(client, 'lane.cmd.registry.raw', {})).toBe('{"a" : 1}')
      expect(await ask('nothing', {})).toEqual({})
      await expect(ask('echo', { text: 1, more: 2 })).rejects.toMatchObject({
        code: 'validation_error',
        details: expect.arrayContaining([expect.objectContaining({ path: '/text' })]),
      })
      await expect(ask('refuse', {})).rejects.toMatchObject({ code: 'lane_exists', message: 'there is one', details: { laneId: 'a' } })
      const failure = await ask('fail', {}).catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 'internal_error' })
      expect(String(failure)).not.toContain('secret')
      const reply = await client.nc.request('lane.cmd.registry.echo', new TextEncoder().encode('{"text":'))
      expect(reply.headers?.get('Nats-Service-Error')).toBe('invalid_json')
      expect(reply.headers?.get('Nats-Service-Error-Code')).toBe('400')
      const empty = await client.nc.request('lane.cmd.registry.nothing')
      expect(empty.json()).toEqual({})
      expect(served.map(({ error }) => error?.code)).toContain('lane_exists')
      expect(served.every(({ ms, subject }) => ms >= 0 && subject.startsWith('lane.cmd.registry.'))).toBe(true)
    } finally {
      await endpoints.stop()
    }
  })

  it('lives on after answers that cannot be sent', async () => {
    const endpoints = await serve(rig.bus, about('registry'), Requests, handlers('one'))
    try {
      const ask = (verb: string) => requestJson(rig.bus, `lane.cmd.registry.${verb}`, {}, 1500)
      await expect(ask('large')).rejects.toMatchObject({ code: 'internal_error' })
      await expect(ask('unprintable')).rejects.toMatchObject({ code: 'conflict' })
      expect(await requestJson(rig.bus, 'lane.cmd.registry.echo', { text: 'still there' })).toMatchObject({ text: 'still there' })
      await sleep(20)
      expect(unhandled).toEqual([])
    } finally {
      await endpoints.stop()
    }
  })

  it('lives on when its connection is gone before the answer', async () => {
    const bus = await rig.connect()
    const endpoints = await serve(bus, about('registry'), Requests, handlers('one'))
    const asking = requestJson(rig.bus, 'lane.cmd.registry.slow', { ms: 200 }, 600).catch((error: unknown) => error)
    await sleep(50)
    await bus.nc.close()
    await endpoints.stop()
    expect(await asking).toBeInstanceOf(BridgeError)
    await sleep(20)
    expect(unhandled).toEqual([])
  })

  it('shares requests among its instances, and with `everyone` all answer', async () => {
    const other = await rig.connect()
    const queued = await Promise.all([rig.bus, other].map((bus, index) => serve(bus, about('registry'), Requests, handlers(`i${index}`))))
    const all = await Promise.all(
      [rig.bus, other].map((bus, index) => serve(bus, about('codex'), Requests, handlers(`i${index}`), { everyone: true })),
    )
    const client = await rig.connect()
    try {
      const answers = await requestMany<{ name: string }>(client, 'lane.cmd.codex.echo', { text: '' }, 1000)
      expect(answers.map(({ name }) => name).sort()).toEqual(['i0', 'i1'])
      const one = await requestMany<{ name: string }>(client, 'lane.cmd.registry.echo', { text: '' }, 500)
      expect(one).toHaveLength(1)
      expect(await requestMany(client, 'lane.cmd.codex.refuse', {}, 500)).toEqual([])
    } finally {
      await Promise.all([...queued, ...all].map((endpoints) => endpoints.stop()))
    }
  })

  it('stops taking requests, and lets the one in flight end', async () => {
    const endpoints = await serve(rig.bus, about('approvals'), Requests, handlers('one'))
    const client = await rig.connect()
    const asking = requestJson(client, 'lane.cmd.approvals.slow', { ms: 300 })
    await sleep(50)
    const stopping = endpoints.stop()
    expect(await asking).toEqual({ ms: 300 })
    await stopping
    await expect(requestJson(client, 'lane.cmd.approvals.echo', { text: '' })).rejects.toBeInstanceOf(NoRespondersError)
  })
})

describe('a request', () => {
  it('fails at once where nobody listens', async () => {
    const started = performance.now()
    await expect(requestJson(rig.bus, 'lane.cmd.session.nobody.status', {}, 5000)).rejects.toBeInstanceOf(NoRespondersError)
    expect(performance.now() - started).toBeLessThan(1000)
    expect(await requestMany(rig.bus, 'lane.cmd.codex.describe-runner', {}, 500)).toEqual([])
  })

  it('times out with command_timeout, for it may have run', async () => {
    const endpoints = serveSubject(rig.bus, 'lane.cmd.session.late', Requests, handlers('one'))
    try {
      await expect(requestJson(rig.bus, 'lane.cmd.session.late.slow', { ms: 500 }, 100)).rejects.toMatchObject({ code: 'command_timeout' })
    } finally {
      await endpoints.stop()
    }
  })

  it('fails as bus_unavailable or command_timeout while the server is away, within its deadline', async () => {
    const bus = await rig.connect()
    await rig.server.kill('SIGKILL')
    try {
      const started = performance.now()
      const error = await requestJson(bus, 'lane.cmd.registry.health', {}, 1000).catch((problem: unknown) => problem)
      expect(error).toBeInstanceOf(BridgeError)
      expect(['bus_unavailable', 'command_timeout']).toContain((error as BridgeError).code)
      expect(performance.now() - started).toBeLessThan(3000)
    } finally {
      await rig.restart()
    }
  })
})

describe('a request after a break of the connection', () => {
  it('waits for a service that comes back later than its asker, and soon tells where there is none', async () => {
    const proxy = await startLossyProxy(rig.server.port)
    const service = await rig.connect('migrator', { url: proxy.url })
    const endpoints = serveSubject(service, 'lane.cmd.session.later', Requests, { echo: handlers('later').echo })
    try {
      const client = await rig.connect()
      const returned = proxy.refuse(300)
      await client.nc.reconnect()
      await waitFor(() => client.connected() && client.reconnectedAt() > 0)
      expect(await requestJson(client, 'lane.cmd.session.later.echo', { text: 'x' }, 3000)).toEqual({ text: 'x', name: 'later' })
      const asked = performance.now()
      await expect(requestJson(client, 'lane.cmd.session.nobody.echo', { text: 'x' }, 3000)).rejects.toBeInstanceOf(NoRespondersError)
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
    const service = await rig.connect()
    const endpoints = serveSubject(service, 'lane.cmd.session.again', Requests, {
      slow: async () => {
        ran += 1
        await sleep(300)
        return { ran }
      },
    })
    try {
      const client = await rig.connect()
      const asking = requestJson<{ ran: number }>(client, 'lane.cmd.session.again.slow', { ms: 0 }, 8000, 1000)
      await waitFor(() => ran === 1)
      await rig.server.kill('SIGKILL')
      await rig.restart()
      expect((await asking).ran).toBeGreaterThan(0)
    } finally {
      await endpoints.stop()
    }
  })

  it('reaches another instance when the one that took it is gone without a word', async () => {
    const dying = await rig.connect()
    const hanging = await serve(dying, about('approvals'), Requests, { ...handlers('dying'), slow: () => new Promise(() => undefined) })
    const client = await rig.connect()
    const asking = requestJson<{ ms: number }>(client, 'lane.cmd.approvals.slow', { ms: 1 }, 5000, 300)
    await sleep(100)
    await dying.nc.close()
    const endpoints = await serve(rig.bus, about('approvals'), Requests, handlers('next'))
    try {
      expect(await asking).toEqual({ ms: 1 })
    } finally {
      await Promise.all([endpoints.stop(), hanging.stop(10)])
    }
  })
})

describe('serveSubject', () => {
  it('answers the verbs of one owner, and only those', async () => {
    const endpoints = serveSubject(rig.bus, 'lane.cmd.session.a', Requests, {
      echo: handlers('owner').echo,
      refuse: handlers('owner').refuse,
    })
    try {
      expect(await requestJson(rig.bus, 'lane.cmd.session.a.echo', { text: 'x' })).toEqual({ text: 'x', name: 'owner' })
      await expect(requestJson(rig.bus, 'lane.cmd.session.a.refuse', {})).rejects.toMatchObject({ code: 'lane_exists' })
      await expect(requestJson(rig.bus, 'lane.cmd.session.b.echo', { text: 'x' })).rejects.toBeInstanceOf(NoRespondersError)
    } finally {
      await endpoints.stop()
    }
    await expect(requestJson(rig.bus, 'lane.cmd.session.a.echo', { text: 'x' })).rejects.toBeInstanceOf(NoRespondersError)
  })
})
