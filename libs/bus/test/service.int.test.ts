import { BridgeError } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NoRespondersError } from '../src/requests/call.ts'
import { countInstances } from '../src/requests/discovery.ts'
import { type ServedRequest, serve, serveLane } from '../src/requests/endpoint.ts'
import { type Broker, startBroker } from './bus-fixture.ts'
import { about, Everyone, handlers, OfLane, One, Other, slowCalls } from './service-fixture.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker.stop())

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
    const endpoints = await serve(broker.bus, about('registry'), One, handlers('one'), { observe: (request) => served.push(request) })
    const client = await broker.connect()
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
    const endpoints = await serve(broker.bus, about('registry'), One, handlers('one'))
    try {
      await expect(broker.bus.call(One.large, {}, { timeoutMs: 1500 })).rejects.toMatchObject({ code: 'internal_error' })
      await expect(broker.bus.call(One.unprintable, {}, { timeoutMs: 1500 })).rejects.toMatchObject({ code: 'conflict' })
      expect(await broker.bus.call(One.echo, { text: 'still there' })).toMatchObject({ text: 'still there' })
      await endOfTurn()
      expect(unhandled).toEqual([])
    } finally {
      await endpoints.stop()
    }
  })

  it('lives on when its connection is gone before the answer', async () => {
    const bus = await broker.connect()
    const endpoints = await serve(bus, about('registry'), One, handlers('one'))
    const before = slowCalls.count
    const asking = broker.bus.call(One.slow, { ms: 200 }, { timeoutMs: 600 }).catch((error: unknown) => error)
    await waitFor(() => slowCalls.count > before)
    await bus.nc.close()
    await endpoints.stop()
    expect(await asking).toBeInstanceOf(BridgeError)
    await endOfTurn()
    expect(unhandled).toEqual([])
  })

  it('shares requests among its instances, and with `everyone` all answer', async () => {
    const other = await broker.connect()
    const queued = await Promise.all([broker.bus, other].map((bus, index) => serve(bus, about('registry'), One, handlers(`i${index}`))))
    const all = await Promise.all(
      [broker.bus, other].map((bus, index) => serve(bus, about('codex'), Everyone, handlers(`i${index}`), { everyone: true })),
    )
    const client = await broker.connect()
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
    const endpoints = await serve(broker.bus, about('approvals'), Other, handlers('one'))
    const client = await broker.connect()
    const before = slowCalls.count
    const asking = client.call(Other.slow, { ms: 300 })
    await waitFor(() => slowCalls.count > before)
    const stopping = endpoints.stop()
    expect(await asking).toEqual({ ms: 300 })
    await stopping
    await expect(client.call(Other.echo, { text: '' })).rejects.toBeInstanceOf(NoRespondersError)
  })
})

describe('a reply', () => {
  const replying = async (text: string) => {
    const endpoints = await serve(broker.bus, about('registry'), One, handlers('one'))
    try {
      return await broker.bus.callText(One.rawText, { text })
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
    const asker = await broker.connect('migrator', { observe: ({ message }) => problems.push(message) })
    const reply = (name: unknown) => ({ echo: ({ text }: { text: string }) => ({ text, name }) as never })
    const endpoints = [
      await serve(broker.bus, about('codex'), Everyone, reply('a'), { everyone: true }),
      await serve(broker.bus, about('codex'), Everyone, reply(7), { everyone: true }),
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

describe('serveLane', () => {
  it('answers the verbs of one lane, and no others', async () => {
    const endpoints = serveLane(broker.bus, 'a', OfLane, {
      echo: handlers('owner').echo,
      refuse: handlers('owner').refuse,
    })
    try {
      expect(await broker.bus.call(OfLane.echo, { text: 'x' }, { laneId: 'a' })).toEqual({ text: 'x', name: 'owner' })
      await expect(broker.bus.call(OfLane.refuse, {}, { laneId: 'a' })).rejects.toMatchObject({ code: 'lane_exists' })
      await expect(broker.bus.call(OfLane.echo, { text: 'x' }, { laneId: 'b' })).rejects.toBeInstanceOf(NoRespondersError)
    } finally {
      await endpoints.stop()
    }
    await expect(broker.bus.call(OfLane.echo, { text: 'x' }, { laneId: 'a' })).rejects.toBeInstanceOf(NoRespondersError)
  })
})
