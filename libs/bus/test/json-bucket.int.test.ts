import { type BridgeError, BUCKETS } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { type Static, Type } from 'typebox'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { JsonBucket } from '../src/storage/json-bucket.ts'
import { type Broker, startBroker } from './bus-fixture.ts'

const Value = Type.Object({ n: Type.Integer() })
type Value = Static<typeof Value>
let broker: Broker
let bucket: JsonBucket<Value>
beforeAll(async () => {
  broker = await startBroker()
  bucket = await JsonBucket.open(broker.bus, BUCKETS.settings, Value)
})
afterAll(() => broker.stop())

it('is empty at first', async () => {
  expect(await bucket.get('none')).toBeUndefined()
  expect(await bucket.entries()).toEqual(new Map())
  const seen: string[] = []
  const ending = new AbortController()
  await bucket.watch(ending.signal, (key) => seen.push(key))
  expect(seen).toEqual([])
  ending.abort()
})

it('creates once, updates on the revision it was read at, and takes a deleted key as free', async () => {
  const first = await bucket.create('key', { n: 1 })
  expect(first).toBeGreaterThan(0)
  expect(await bucket.create('key', { n: 2 })).toBeUndefined()
  expect(await bucket.get('key')).toEqual({ value: { n: 1 }, revision: first })
  const second = await bucket.update('key', { n: 3 }, first ?? 0)
  expect(second).toBeGreaterThan(first ?? 0)
  expect(await bucket.update('key', { n: 4 }, first ?? 0)).toBeUndefined()
  expect((await bucket.get('key'))?.value).toEqual({ n: 3 })
  await bucket.delete('key')
  expect(await bucket.get('key')).toBeUndefined()
  expect(await bucket.create('key', { n: 5 })).toBeGreaterThan(second ?? 0)
  await bucket.put('key', { n: 6 })
  expect([...(await bucket.entries())].map(([key, { value }]) => [key, value])).toEqual([['key', { n: 6 }]])
  await bucket.delete('key')
})

it('watches: what is there, then every change and deletion', async () => {
  await bucket.put('watched', { n: 1 })
  const seen: [string, number | undefined][] = []
  const ending = new AbortController()
  await bucket.watch(ending.signal, (key, entry) => seen.push([key, entry?.value.n]))
  expect(seen).toContainEqual(['watched', 1])
  await bucket.put('watched', { n: 2 })
  await bucket.delete('watched')
  await waitFor(() => seen.filter(([key]) => key === 'watched').length === 3)
  expect(seen.filter(([key]) => key === 'watched').map(([, n]) => n)).toEqual([1, 2, undefined])
  ending.abort()
})

it('refuses a value that does not fit, and leaves it out of lists and watches with a report', async () => {
  const problems: string[] = []
  const bus = await broker.connect('migrator', { observe: ({ message }) => problems.push(message) })
  await (await JsonBucket.open(broker.bus, BUCKETS.settings, Type.Unknown())).put('wrong', { n: 'one' })
  const strict = await JsonBucket.open(bus, BUCKETS.settings, Value)
  const error = await strict.get('wrong').catch((failure: unknown) => failure)
  expect(error).toMatchObject({ code: 'internal_error' })
  expect(String((error as BridgeError).cause)).toContain('wrong does not fit: /n')
  expect((await strict.entries()).has('wrong')).toBe(false)
  const ending = new AbortController()
  const seen: string[] = []
  await strict.watch(ending.signal, (key) => seen.push(key))
  ending.abort()
  expect(seen).not.toContain('wrong')
  expect(problems.filter((problem) => problem.includes('wrong does not fit: /n'))).toHaveLength(2)
})

it('does not exist unless the topology made it', async () => {
  await expect(JsonBucket.open(broker.bus, 'nonsense', Value)).rejects.toMatchObject({ code: 'bus_unavailable' })
})
