import { setTimeout as sleep } from 'node:timers/promises'
import { EventLog, JsonBucket } from '@codex-bridge/bus'
import { BUCKETS } from '@codex-bridge/contracts'
import { answer, seededRandom, waitFor } from '@codex-bridge/testkit'
import { Type } from 'typebox'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DispatcherFixture, eventIdOf, firstSeenPerLane, idsPerEvent, missing } from './support/dispatcher-fixture.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const LANES = 6

/** Emits events on some lanes until it is stopped. `sent` has the events of each lane in order. */
const keepEmitting = (fixture: DispatcherFixture) => {
  const sent = new Map<string, string[]>()
  let going = true
  const run = async () => {
    for (let index = 0; going; index += 1) {
      const lane = `lane-${index % LANES}`
      sent.set(lane, [...(sent.get(lane) ?? []), await fixture.emit(lane)])
      await sleep(3)
    }
  }
  const done = run()
  return {
    sent,
    all: () => [...sent.values()].flat(),
    /** Resolves when `count` more events have been emitted. */
    more: (count: number) => {
      const wanted = [...sent.values()].flat().length + count
      return waitFor(() => [...sent.values()].flat().length >= wanted, { timeoutMs: 20_000, describe: `${count} more events` })
    },
    stop: async () => {
      going = false
      await done
    },
  }
}

describe('deliveries', () => {
  let fixture: DispatcherFixture
  beforeEach(async () => {
    fixture = await DispatcherFixture.start()
    await fixture.startDispatcher()
  })
  afterEach(() => fixture.stop())

  it('survive repeated kills of the dispatcher: none is lost, lanes stay in order, duplicates have the same id', async () => {
    const paths = ['/one', '/two', '/three']
    for (const path of paths) {
      fixture.receiver.on(path, answer.delay(4))
      await fixture.create(path)
    }
    const random = seededRandom('dispatcher restarts')
    const traffic = keepEmitting(fixture)
    let restarts = 0
    for (; restarts < 5; restarts += 1) {
      await traffic.more(30 + Math.floor(random() * 30))
      const [victim] = fixture.dispatchers.splice(0)
      victim?.kill('SIGKILL')
      await victim?.exited
      await fixture.startDispatcher()
    }
    await traffic.stop()
    const events = traffic.all()
    let duplicates = 0
    for (const path of paths) {
      const requests = await fixture.delivered(path, events, 30_000)
      duplicates += requests.length - events.length
      expect(missing(requests, events)).toEqual([])
      expect([...idsPerEvent(requests).values()].every(({ size }) => size === 1)).toBe(true)
      expect(firstSeenPerLane(requests)).toEqual(traffic.sent)
    }
    process.stdout.write(`${events.length} events to ${paths.length} endpoints over ${restarts} kills: 0 lost, ${duplicates} duplicates\n`)
    expect(duplicates).toBeLessThanOrEqual(restarts * paths.length * 8)
  })

  it('survive restarts of the broker: none is lost, lanes stay in order', async () => {
    fixture.receiver.on('/one', answer.delay(4))
    const webhook = await fixture.create('/one')
    const traffic = keepEmitting(fixture)
    for (let round = 0; round < 2; round += 1) {
      await traffic.more(50)
      await fixture.nats.kill('SIGKILL')
      await waitFor(() => !fixture.bus.connected(), { describe: 'the outage to be noticed' })
      await fixture.nats.restart()
    }
    const back = performance.now()
    await traffic.more(50)
    await traffic.stop()
    const events = traffic.all()
    const requests = await fixture.delivered('/one', events, 40_000)
    process.stdout.write(
      `${events.length} events over 2 broker kills: 0 lost, ${requests.length - events.length} duplicates, all delivered ${Math.round(performance.now() - back)} ms after the last return\n`,
    )
    expect([...idsPerEvent(requests).values()].every(({ size }) => size === 1)).toBe(true)
    expect(firstSeenPerLane(requests)).toEqual(traffic.sent)
    // The watch works after the outage: a change reaches the deliveries.
    await fixture.patch(webhook.id, { url: fixture.receiver.url('/two') })
    await fixture.delivered('/two', [await fixture.emit('lane-after')])
    await waitFor(async () => (await fixture.queued('LANE_JOBS', webhook.id)) === 0, { timeoutMs: 10_000 })
    await waitFor(async () => (await fixture.get(webhook.id)).lastDeliveryAt)
  })

  it('continue in the other of two dispatchers when the leader is killed', async () => {
    await fixture.startDispatcher('webhook-dispatcher-2')
    fixture.receiver.on('/one', answer.delay(4))
    await fixture.create('/one')
    const traffic = keepEmitting(fixture)
    await traffic.more(50)
    const [leader] = fixture.dispatchers.splice(0, 1)
    leader?.kill('SIGKILL')
    const died = performance.now()
    await leader?.exited
    const late = await fixture.create('/late')
    const first = await fixture.emit('lane-late')
    await fixture.delivered('/late', [first])
    process.stdout.write(`a second dispatcher delivered ${Math.round(performance.now() - died)} ms after the leader was killed\n`)
    await traffic.stop()
    const requests = await fixture.delivered('/one', traffic.all(), 30_000)
    for (const [lane, order] of traffic.sent) expect(firstSeenPerLane(requests).get(lane)).toEqual(order)
    expect((await fixture.get(late.id)).enabled).toBe(true)
  })

  it('made while the broker hangs are acknowledged later and not repeated', async () => {
    fixture.receiver.on('/one', answer.delay(300))
    const webhook = await fixture.create('/one')
    const event = await fixture.emit('lane-1')
    await fixture.receiver.waitForRequests(1)
    await fixture.nats.pause()
    // Longer than the timeout of an acknowledgement, shorter than it takes to give up the connection.
    await sleep(6500)
    await fixture.nats.resume()
    await waitFor(async () => (await fixture.queued('LANE_JOBS', webhook.id)) === 0, { timeoutMs: 15_000 })
    expect(await fixture.delivered('/one', [event])).toHaveLength(1)
  })

  it('of a subscription created through either of two dispatchers miss no event', async () => {
    await fixture.startDispatcher('webhook-dispatcher-2')
    for (let round = 0; round < 30; round += 1) {
      const path = `/round-${round}`
      const webhook = await fixture.create(path)
      await fixture.delivered(path, [await fixture.emit(`lane-${round}`)], 5000)
      await fixture.remove(webhook.id)
    }
  })

  it('of a subscription the leader learns of late include the events since its creation, in order', async () => {
    const bucket = await JsonBucket.open(fixture.bus, BUCKETS.webhooks, Type.Unknown())
    const template = await fixture.create('/template')
    const stored = (await bucket.get(`sub.${template.id}`))?.value as Record<string, unknown>
    for (let round = 0; round < 8; round += 1) {
      const path = `/late-${round}`
      const before = await fixture.emit('lane-1')
      const { lastSeq } = await new EventLog(fixture.bus).extent()
      const events = [await fixture.emit('lane-1'), await fixture.emit('lane-2'), await fixture.emit('lane-1')]
      // As if another process had read the end of the log before these events and stored the subscription only now.
      await fixture.delivered('/template', events)
      const createdAt = new Date(Date.now() - 1000).toISOString()
      const late = { ...stored, id: `wh_late${round}`, url: fixture.receiver.url(path), createdSeq: lastSeq, createdAt }
      // The next event is stored at the moment the leader learns of the subscription.
      const [next] = await Promise.all([fixture.emit('lane-1'), bucket.create(`sub.wh_late${round}`, late)])
      const requests = await fixture.delivered(path, [...events, next], 5000)
      expect(requests.map(eventIdOf)).not.toContain(before)
      expect(requests).toHaveLength(4)
      expect(firstSeenPerLane(requests).get('lane-1')).toEqual([events[0], events[2], next])
      await bucket.delete(`sub.wh_late${round}`)
    }
  })

  it('are not repeated after an orderly stop', async () => {
    fixture.receiver.on('/one', answer.delay(20))
    await fixture.create('/one')
    const traffic = keepEmitting(fixture)
    for (let round = 0; round < 3; round += 1) {
      await traffic.more(50)
      const [dispatcher] = fixture.dispatchers.splice(0)
      await dispatcher?.stop()
      expect(dispatcher?.exit).toEqual({ code: 0, signal: null })
      await fixture.startDispatcher()
    }
    await traffic.stop()
    const requests = await fixture.delivered('/one', traffic.all(), 30_000)
    expect(requests).toHaveLength(traffic.all().length)
    expect(firstSeenPerLane(requests)).toEqual(traffic.sent)
  })

  it('keep their attempts and due times over a crash', async () => {
    const [dispatcher] = fixture.dispatchers.splice(0)
    await dispatcher?.stop()
    await fixture.stop()
    fixture = await DispatcherFixture.start({ env: { BRIDGE_WEBHOOK_RETRY_SCHEDULE_SEC: '0,0.1,7,0.1' } })
    await fixture.startDispatcher()
    fixture.receiver.on('/failing', answer.status(500))
    const webhook = await fixture.create('/failing')
    await fixture.emit('lane-1')
    const attempts = await fixture.receiver.waitForRequests(2)
    const bucket = await JsonBucket.open(fixture.bus, BUCKETS.webhooks, Type.Unknown())
    const stored = async () => JSON.stringify((await bucket.get(`retry.${webhook.id}`))?.value)
    await waitFor(async () => (await stored())?.includes('"attempts":2'), { describe: 'the second attempt to be stored' })
    const [victim] = fixture.dispatchers.splice(0)
    victim?.kill('SIGKILL')
    await victim?.exited
    await fixture.startDispatcher()
    const [, second, third] = await fixture.receiver.waitForRequests(3, undefined, 15_000)
    expect((third?.receivedAt ?? 0) - (second?.receivedAt ?? 0)).toBeGreaterThan(5500)
    await waitFor(async () => (await fixture.queued('LANE_DEAD', webhook.id)) === 1, { timeoutMs: 10_000 })
    expect(fixture.receiver.requests).toHaveLength(4)
    expect(attempts).toHaveLength(2)
  })
})
