import { STREAMS, subjects } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Job, type QueueConsumer, WorkQueue } from '../src/storage/work-queue.ts'
import { type Broker, startBroker } from './bus-fixture.ts'

let broker: Broker
let queue: WorkQueue
beforeAll(async () => {
  broker = await startBroker()
  queue = new WorkQueue(broker.bus, STREAMS.jobs)
})
afterAll(() => broker.stop())

const left = async (subject: string) =>
  (await broker.bus.jsm.streams.info(STREAMS.jobs, { subjects_filter: subject })).state.subjects?.[subject] ?? 0

const consume = (name: string, handle: (job: Job) => void, more: Partial<QueueConsumer> = {}, on = queue) => {
  const ending = new AbortController()
  const running = on.consume(
    { durable: name, filter: subjects.job(`wh_${name}`), maxPending: 10, ackWaitMs: 1000, signal: ending.signal, ...more },
    handle,
  )
  return async () => {
    ending.abort()
    await running
  }
}

it('stores a job once per message id, and hands it over until it is acknowledged', async () => {
  const subject = subjects.job('wh_dedupe')
  for (let index = 0; index < 3; index += 1) await queue.publish(subject, { a: 1 }, 'dedupe:evt_1')
  await queue.publish(subject, { a: 2 }, 'dedupe:evt_2')
  expect(await left(subject)).toBe(2)
  const bodies: unknown[] = []
  const stop = consume('dedupe', (job) => {
    bodies.push(job.body)
    void job.ack()
  })
  await waitFor(async () => bodies.length === 2 && (await left(subject)) === 0)
  // Also after it was acknowledged and is gone, the same id is not taken again.
  await queue.publish(subject, { a: 1 }, 'dedupe:evt_1')
  await queue.publish(subject, { a: 3 }, 'dedupe:evt_3')
  await waitFor(() => bodies.length > 2)
  expect(bodies).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }])
  await stop()
})

it('a job given back comes again after the time asked for, and counts its deliveries', async () => {
  await queue.publish(subjects.job('wh_retry'), {}, 'retry:1')
  const at: { time: number; deliveries: number }[] = []
  const stop = consume('retry', (job) => {
    at.push({ time: performance.now(), deliveries: job.deliveries })
    if (at.length < 3) job.retryIn(300)
    else void job.ack()
  })
  await waitFor(() => at.length === 3)
  expect(at.map(({ deliveries }) => deliveries)).toEqual([1, 2, 3])
  for (const index of [1, 2]) {
    const gap = (at[index]?.time ?? 0) - (at[index - 1]?.time ?? 0)
    expect(gap).toBeGreaterThanOrEqual(290)
    expect(gap).toBeLessThan(1500)
  }
  await stop()
})

it('a job in the hands of a worker that dies comes to another', async () => {
  await queue.publish(subjects.job('wh_crash'), { n: 1 }, 'crash:1')
  const dying = await broker.connect()
  let taken = 0
  const stopDying = consume(
    'crash',
    () => {
      taken += 1
    },
    {},
    new WorkQueue(dying, STREAMS.jobs),
  )
  await waitFor(() => taken === 1)
  await dying.nc.close()
  const got: Job[] = []
  const stop = consume('crash', (job) => {
    got.push(job)
    void job.ack()
  })
  await waitFor(() => got.length === 1, { timeoutMs: 5000 })
  expect(got[0]).toMatchObject({ deliveries: 2, body: { n: 1 } })
  await waitFor(async () => (await left(subjects.job('wh_crash'))) === 0)
  await Promise.all([stop(), stopDying()])
})

it('working() keeps a long job in the same hands', async () => {
  await queue.publish(subjects.job('wh_long'), {}, 'long:1')
  const deliveries: number[] = []
  const stop = consume('long', (job) => {
    deliveries.push(job.deliveries)
    const beating = setInterval(() => job.working(), 300)
    setTimeout(() => {
      clearInterval(beating)
      void job.ack()
    }, 1800)
  })
  await waitFor(async () => deliveries.length > 0 && (await left(subjects.job('wh_long'))) === 0, { timeoutMs: 5000 })
  expect(deliveries).toEqual([1])
  await stop()
})

it('never has more in hand than maxPending', async () => {
  for (let n = 0; n < 6; n += 1) await queue.publish(subjects.job('wh_bounded'), { n }, `bounded:${n}`)
  const inHand: Job[] = []
  const stop = consume('bounded', (job) => inHand.push(job), { maxPending: 2, ackWaitMs: 30_000 })
  for (let acknowledged = 0; acknowledged < 6; acknowledged += 1) {
    await waitFor(() => inHand.length >= Math.min(6, acknowledged + 2))
    expect(inHand.length - acknowledged).toBeLessThanOrEqual(2)
    await inHand[acknowledged]?.ack()
  }
  await stop()
})

it('one bad job does not end the consumer of all', async () => {
  await broker.bus.js.publish(subjects.job('wh_bad'), new TextEncoder().encode('not json'))
  await queue.publish(subjects.job('wh_bad'), { fine: true }, 'bad:2')
  const seen: string[] = []
  const stop = consume('bad', (job) => {
    try {
      seen.push(JSON.stringify(job.body))
    } catch (error) {
      seen.push((error as Error).name)
    }
    void job.ack()
  })
  await waitFor(() => seen.length === 2)
  expect(seen).toEqual(['SyntaxError', '{"fine":true}'])
  await stop()
})

it('goes on after a crash of the server, and loses no job that was taken', async () => {
  const subject = subjects.job('wh_outage')
  const seen: unknown[] = []
  const stop = consume('outage', (job) => {
    seen.push((job.body as { n: number }).n)
    void job.ack().catch(() => undefined)
  })
  await queue.publish(subject, { n: 1 }, 'outage:1')
  await waitFor(() => seen.length === 1)
  await broker.nats.kill('SIGKILL')
  const publishing = queue.publish(subject, { n: 2 }, 'outage:2')
  await waitFor(() => !broker.bus.connected(), { describe: 'the outage to be noticed' })
  await broker.restart()
  await publishing
  await waitFor(async () => (await left(subject)) === 0, { timeoutMs: 10_000, describe: 'an empty queue' })
  expect(new Set(seen)).toEqual(new Set([1, 2]))
  await stop()
})

it('drop forgets the consumer and its jobs, not those of others', async () => {
  await queue.publish(subjects.job('wh_dropped'), {}, 'dropped:1')
  await queue.publish(subjects.job('wh_other'), {}, 'other:1')
  await queue.drop('dropped', subjects.job('wh_dropped'))
  expect([await left(subjects.job('wh_dropped')), await left(subjects.job('wh_other'))]).toEqual([0, 1])
})
