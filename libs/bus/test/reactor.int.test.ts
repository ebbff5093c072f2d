import { fileURLToPath } from 'node:url'
import { BUCKETS } from '@codex-bridge/contracts'
import { type ManagedProcess, spawnProcess, waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { decodeEnvelope } from '../src/connection/codec.ts'
import { EventLog } from '../src/events/event-log.ts'
import { Checkpoint, runReactor } from '../src/events/reactor.ts'
import { JsonBucket } from '../src/storage/json-bucket.ts'
import { type Broker, eventOf, startBroker } from './bus-fixture.ts'

let broker: Broker
let log: EventLog
beforeAll(async () => {
  broker = await startBroker()
  log = new EventLog(broker.bus)
})
afterAll(() => broker.stop())

let seq = 0
let n = 0
const append = async (count: number) => {
  const seqs: number[] = []
  for (let index = 0; index < count; index += 1) {
    n += 1
    seq = await log.append('lane', eventOf('reacted', n), seq)
    seqs.push(seq)
  }
  return seqs
}
const checkpointOf = async (name: string) => {
  const bucket = await JsonBucket.open(broker.bus, BUCKETS.settings, Checkpoint)
  return (await bucket.get(`checkpoint.${name}`))?.value.seq
}
const setCheckpoint = async (name: string, value: number) =>
  (await JsonBucket.open(broker.bus, BUCKETS.settings, Checkpoint)).put(`checkpoint.${name}`, { seq: value })

const start = (name: string, react: (seq: number) => Promise<void> = async () => undefined) => {
  const ending = new AbortController()
  const seen: number[] = []
  const running = runReactor({ bus: broker.bus, name, signal: ending.signal, decode: decodeEnvelope }, async (event) => {
    await react(event.seq)
    seen.push(event.seq)
  })
  return {
    seen,
    stop: async () => {
      ending.abort()
      await running
    },
  }
}

it('stores where it is when it ends, and goes on from there', async () => {
  const first = await append(5)
  const one = start('orderly')
  await waitFor(() => one.seen.length === 5)
  await one.stop()
  expect(one.seen).toEqual(first)
  expect(await checkpointOf('orderly')).toBe(first.at(-1))
  const second = await append(3)
  const two = start('orderly')
  await waitFor(() => two.seen.length >= 3)
  await two.stop()
  expect(two.seen).toEqual(second)
})

it('does not move its checkpoint over an event whose reaction failed', async () => {
  const events = await append(3)
  let refused = 0
  const reactor = start('failing', (at) => {
    if (at !== events[1]) return Promise.resolve()
    refused += 1
    return Promise.reject(new Error('no'))
  })
  await waitFor(() => refused > 1)
  await reactor.stop()
  expect(await checkpointOf('failing')).toBe(events[0])
  const next = start('failing')
  await waitFor(() => next.seen.length >= 2)
  await next.stop()
  expect(next.seen).toEqual(events.slice(1))
})

it('killed at any moment, its successor misses nothing and does not begin anew', async () => {
  const script = fileURLToPath(new URL('reactor-process.mjs', import.meta.url))
  const run = () => spawnProcess({ command: process.execPath, args: [script, broker.nats.url, 'killed'] })
  const seqsOf = (managed: ManagedProcess) => managed.output().split('\n').filter(Boolean).map(Number)
  const before = await append(20)
  const first = await run()
  try {
    await waitFor(() => seqsOf(first).at(-1) === before.at(-1), { timeoutMs: 10_000 })
    await waitFor(async () => (await checkpointOf('killed')) === before.at(-1), { describe: 'a stored checkpoint' })
    const more = await append(10)
    await waitFor(() => seqsOf(first).includes(more[4] ?? 0))
    first.kill('SIGKILL')
    await first.exited
    const after = await append(5)
    const second = await run()
    try {
      await waitFor(() => seqsOf(second).at(-1) === after.at(-1), { timeoutMs: 10_000 })
      const resumed = seqsOf(second)
      expect(resumed[0]).toBeGreaterThan(before.at(-1) ?? 0)
      expect(new Set([...seqsOf(first), ...resumed])).toEqual(new Set(Array.from({ length: after.at(-1) ?? 0 }, (_, index) => index + 1)))
      expect(resumed).toEqual([...resumed].sort((left, right) => left - right))
    } finally {
      await second.stop()
    }
  } finally {
    await first.stop()
  }
})

it('a checkpoint of a stream that was replaced does not make it wait for ever', async () => {
  const events = await append(1)
  await setCheckpoint('replaced', seq + 1_000_000)
  const reactor = start('replaced')
  await waitFor(() => reactor.seen.includes(events[0] ?? 0))
  expect(reactor.seen[0]).toBe(1)
  await reactor.stop()
  expect(await checkpointOf('replaced')).toBe(seq)
})
