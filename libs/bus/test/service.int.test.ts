import { setTimeout as sleep } from 'node:timers/promises'
import { BridgeError, verbsOf } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NoRespondersError } from '../src/requests/call.ts'
import { countInstances } from '../src/requests/discovery.ts'
import { RawJson, type ServedRequest, serve, serveLane } from '../src/requests/endpoint.ts'
import { type Rig, startRig } from './bus-fixture.ts'
import { startLossyProxy } from './lossy-proxy.ts'

let rig: Rig
beforeAll(async () => {
  rig = await startRig()
})
afterAll(() => rig.stop())

const pairs = {
  echo: {
    request: Type.Object({ text: Type.String() }, { additionalProperties: false }),
    reply: Type.Object({ text: Type.String(), name: Type.String() }),
  },
  refuse: { request: Type.Object({}), reply: Type.Unknown() },
  fail: { request: Type.Object({}), reply: Type.Unknown() },
  slow: { request: Type.Object({ ms: Type.Integer() }), reply: Type.Object({ ms: Type.Integer() }) },
  raw: { request: Type.Object({}), reply: Type.Object({ a: Type.Integer() }) },
  rawText: {
    request: Type.Object({ text: Type.String() }),
    reply: Type.Object({ a: Type.Integer({ minimum: 1 }), b: Type.Optional(Type.String()) }),
  },
  nothing: { request: Type.Object({}), reply: Type.Unknown() },
  large: { request: Type.Object({}), reply: Type.Unknown() },
  unprintable: { request: Type.Object({}), reply: Type.Unknown() },
}
const One = verbsOf('registry', pairs)
const Other = verbsOf('approvals', pairs)
const Everyone = verbsOf('codex', pairs)
const OfLane = verbsOf('session', pairs)

let slowCalls = 0

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
    slowCalls += 1
    await sleep(ms)
    return { ms }
  },
  raw: () => new RawJson('{"a" : 1}'),
  rawText: ({ text }: { text: string }) => new RawJson(text),
  nothing: () => undefined,
  large: () => ({ text: 'x'.repeat(3 * 1024 * 1024) }),
  unprintable: () => {
    const details: Record<string, unknown> = {}
    details['self'] = details
    throw new BridgeError('conflict', 'circular', { details })
  },
})
const about = (service: string) => ({ name: `test-${service}`, version: '0.1.0' })

/** Collects what would end a service: rejections nobody handles. */
const unhandled: unknown[] = []
const note = (error: unknown) => unhandled.push(error)
beforeAll(() => {
  process.on('unhandledRejection', note)
})
afterAll(() => {
  process.off('unhandledRejection', note)
})

/** Rejections that nobody handles are reported when the microtasks of a turn are done. */
const endOfTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('a service', () => {
  it('answers, validates, and maps every failure to a code of the registry', async () => {
    const served: ServedRequest[] = []
    const endpoints = await serve(rig.bus, about('registry'), One, handlers('one'), { observe: (request) => served.push(request) })
    const client = await rig.connect()
    try {
      expect(await client.call(One.echo, { text: 'ü' })).toEqual({ text: 'ü', name: 'one' })
      expect(await client.callText(One.raw, {})).toBe('{"a" : 1}')
      expect(await client.call(One.nothing, {})).toEqual({})
      await expect(client.call(One.echo, { text: 1, more: 2 } as never)).rejects.toMatchObject({
        code: 'validation_error',
        details: expect.arrayContaining([expect.objectContaining({ path: '/text' })]),
      })
      await expect(client.call(One.refuse, {})).rejects.toMatchObject({
        code: 'lane_exists',
        message: 'there is one',
        details: { laneId: 'a' },
      })
      const failure = await client.call(One.fail, {}).catch((error: unknown) => error)
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
    const endpoints = await serve(rig.bus, about('registry'), One, handlers('one'))
    try {
      await expect(rig.bus.call(One.large, {}, { timeoutMs: 1500 })).rejects.toMatchObject({ code: 'internal_error' })
      await expect(rig.bus.call(One.unprintable, {}, { timeoutMs: 1500 })).rejects.toMatchObject({ code: 'conflict' })
      expect(await rig.bus.call(One.echo, { text: 'still there' })).toMatchObject({ text: 'still there' })
      await endOfTurn()
      expect(unhandled).toEqual([])
    } finally {
      await endpoints.stop()
    }
  })

  it('lives on when its connection is gone before the answer', async () => {
    const bus = await rig.connect()
    const endpoints = await serve(bus, about('registry'), One, handlers('one'))
    const before = slowCalls
    const asking = rig.bus.call(One.slow, { ms: 200 }, { timeoutMs: 600 }).catch((error: unknown) => error)
    await waitFor(() => slowCalls > before)
    await bus.nc.close()
    await endpoints.stop()
    expect(await asking).toBeInstanceOf(BridgeError)
    await endOfTurn()
    expect(unhandled).toEqual([])
  })

  it('shares requests among its instances, and with `everyone` all answer', async () => {
    const other = await rig.connect()
    const queued = await Promise.all([rig.bus, other].map((bus, index) => serve(bus, about('registry'), One, handlers(`i${index}`))))
    const all = await Promise.all(
      [rig.bus, other].map((bus, index) => serve(bus, about('codex'), Everyone, handlers(`i${index}`), { everyone: true })),
    )
    const client = await rig.connect()
    try {
      const answers = await client.callAll(Everyone.echo, { text: '' }, 1000)
      expect(answers.map(({ name }) => name).sort()).toEqual(['i0', 'i1'])
      const one = await client.callAll(One.echo, { text: '' }, 500)
      expect(one).toHaveLength(1)
      expect(await client.callAll(Everyone.refuse, {}, 500)).toEqual([])
    } finally {
      await Promise.all([...queued, ...all].map((endpoints) => endpoints.stop()))
    }
  })

  it('stops taking requests, and lets the one in flight end', async () => {
    const endpoints = await serve(rig.bus, about('approvals'), Other, handlers('one'))
    const client = await rig.connect()
    const before = slowCalls
    const asking = client.call(Other.slow, { ms: 300 })
    await waitFor(() => slowCalls > before)
    const stopping = endpoints.stop()
    expect(await asking).toEqual({ ms: 300 })
    await stopping
    await expect(client.call(Other.echo, { text: '' })).rejects.toBeInstanceOf(NoRespondersError)
  })
})

describe('a reply', () => {
  const replying = async (text: string) => {
    const endpoints = await serve(rig.bus, about('registry'), One, handlers('one'))
    try {
      return await rig.bus.callText(One.rawText, { text })
    } finally {
      await endpoints.stop()
    }
  }

  it('may have more fields than its schema, and its text is handed over unchanged', async () => {
    expect(await replying('{"a" : 1, "later": [null]}')).toBe('{"a" : 1, "later": [null]}')
  })

  it.each([
    ['a field of the wrong type', '{"a":"1"}', '/a'],
    ['a value out of range', '{"a":0}', '/a'],
    ['an optional field of the wrong type', '{"a":1,"b":2}', '/b'],
    ['a field missing', '{}', '"a"'],
    ['no object at all', '[1]', '/'],
  ])('with %s is an internal error that names the verb and the first problem in its cause', async (_what, text, problem) => {
    const error = await replying(text).catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'internal_error' })
    expect(String((error as BridgeError).cause)).toContain('registry raw-text')
    expect(String((error as BridgeError).cause)).toContain(problem)
    expect((error as BridgeError).message).not.toContain(problem)
  })

  it('that is no JSON is an internal error too', async () => {
    const error = await replying('{"a":').catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'internal_error' })
  })

  it('of one of many that does not fit is reported and left out', async () => {
    const problems: string[] = []
    const asker = await rig.connect('migrator', { observe: ({ message }) => problems.push(message) })
    const reply = (name: unknown) => ({ echo: ({ text }: { text: string }) => ({ text, name }) as never })
    const endpoints = [
      await serve(rig.bus, about('codex'), Everyone, reply('a'), { everyone: true }),
      await serve(rig.bus, about('codex'), Everyone, reply(7), { everyone: true }),
    ]
    try {
      expect(await asker.callAll(Everyone.echo, { text: 'x' }, 500)).toEqual([{ text: 'x', name: 'a' }])
      expect(problems).toEqual([expect.stringMatching(/codex echo .*\/name/)])
      expect((await countInstances(asker, 500)).get('test-codex')).toBe(2)
    } finally {
      await Promise.all(endpoints.map((each) => each.stop()))
    }
  })
})

describe('a request', () => {
  it('fails at once where nobody listens', async () => {
    const started = performance.now()
    await expect(rig.bus.call(OfLane.nothing, {}, { laneId: 'nobody', timeoutMs: 5000 })).rejects.toBeInstanceOf(NoRespondersError)
    expect(performance.now() - started).toBeLessThan(1000)
    expect(await rig.bus.callAll(Everyone.echo, { text: '' }, 500)).toEqual([])
  })

  it('times out with command_timeout, for it may have run', async () => {
    const endpoints = serveLane(rig.bus, 'late', OfLane, handlers('one'))
    try {
      await expect(rig.bus.call(OfLane.slow, { ms: 500 }, { laneId: 'late', timeoutMs: 100 })).rejects.toMatchObject({
        code: 'command_timeout',
      })
    } finally {
      await endpoints.stop()
    }
  })

  it('fails as bus_unavailable or command_timeout while the server is away, within its deadline', async () => {
    const bus = await rig.connect()
    await rig.server.kill('SIGKILL')
    try {
      const started = performance.now()
      const error = await bus.call(One.nothing, {}, { timeoutMs: 1000 }).catch((problem: unknown) => problem)
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
    const endpoints = serveLane(service, 'later', OfLane, { echo: handlers('later').echo })
    try {
      const client = await rig.connect()
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
    const service = await rig.connect()
    const endpoints = serveLane(service, 'again', OfLane, {
      slow: async () => {
        ran += 1
        await sleep(300)
        return { ms: ran }
      },
    })
    try {
      const client = await rig.connect()
      const asking = client.call(OfLane.slow, { ms: 0 }, { laneId: 'again', timeoutMs: 8000, resendMs: 1000 })
      await waitFor(() => ran === 1)
      await rig.server.kill('SIGKILL')
      await rig.restart()
      expect((await asking).ms).toBeGreaterThan(0)
    } finally {
      await endpoints.stop()
    }
  })

  it('reaches another instance when the one that took it is gone without a word', async () => {
    const dying = await rig.connect()
    let taken = false
    const hang = (): Promise<never> => {
      taken = true
      return new Promise(() => undefined)
    }
    const hanging = await serve(dying, about('approvals'), Other, { ...handlers('dying'), slow: hang })
    const client = await rig.connect()
    const asking = client.call(Other.slow, { ms: 1 }, { timeoutMs: 5000, resendMs: 300 })
    await waitFor(() => taken)
    await dying.nc.close()
    const endpoints = await serve(rig.bus, about('approvals'), Other, handlers('next'))
    try {
      expect(await asking).toEqual({ ms: 1 })
    } finally {
      await Promise.all([endpoints.stop(), hanging.stop(10)])
    }
  })
})

describe('serveLane', () => {
  it('answers the verbs of one lane, and no others', async () => {
    const endpoints = serveLane(rig.bus, 'a', OfLane, {
      echo: handlers('owner').echo,
      refuse: handlers('owner').refuse,
    })
    try {
      expect(await rig.bus.call(OfLane.echo, { text: 'x' }, { laneId: 'a' })).toEqual({ text: 'x', name: 'owner' })
      await expect(rig.bus.call(OfLane.refuse, {}, { laneId: 'a' })).rejects.toMatchObject({ code: 'lane_exists' })
      await expect(rig.bus.call(OfLane.echo, { text: 'x' }, { laneId: 'b' })).rejects.toBeInstanceOf(NoRespondersError)
    } finally {
      await endpoints.stop()
    }
    await expect(rig.bus.call(OfLane.echo, { text: 'x' }, { laneId: 'a' })).rejects.toBeInstanceOf(NoRespondersError)
  })
})
