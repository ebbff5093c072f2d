import { setTimeout as sleep } from 'node:timers/promises'
import { JsonBucket } from '@codex-bridge/bus'
import { BUCKETS } from '@codex-bridge/contracts'
import { answer, seededRandom, type WebhookBehaviour, waitFor } from '@codex-bridge/testkit'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { DispatcherFixture, eventIdOf, firstSeenPerLane, idsPerEvent } from './support/dispatcher-fixture.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const bad = answer.status(500)

describe('endpoints that fail', () => {
  let fixture: DispatcherFixture
  beforeAll(async () => {
    fixture = await DispatcherFixture.start({
      env: { BRIDGE_WEBHOOK_TIMEOUT_MS: '1500', BRIDGE_WEBHOOK_RETRY_SCHEDULE_SEC: '0,0.2,0.2,0.2,0.2,0.2' },
    })
    await fixture.startDispatcher()
  })
  afterAll(() => fixture.stop())

  it('are retried with the same id and body and a new timestamp until they answer', async () => {
    fixture.receiver.on('/flaky', [bad, answer.status(404), answer.redirect('/elsewhere'), answer.ok])
    const webhook = await fixture.create('/flaky', { secret: 'shared' })
    const event = await fixture.emit('lane-flaky')
    const requests = await fixture.receiver.waitForRequests(4, ({ path }) => path === '/flaky', 10_000)
    await waitFor(async () => (await fixture.queued('LANE_JOBS', webhook.id)) === 0)
    expect(fixture.receiver.requestsTo('/flaky')).toHaveLength(4)
    expect(idsPerEvent(requests)).toEqual(new Map([[event, new Set([`${webhook.id}:${event}`])]]))
    expect(new Set(requests.map(({ rawBody }) => rawBody.toString()))).toHaveProperty('size', 1)
    expect(fixture.receiver.requestsTo('/elsewhere')).toEqual([])
    const shown = await fixture.get(webhook.id)
    expect(shown).toMatchObject({ enabled: true, lastError: null })
    expect(shown.lastDeliveryAt).not.toBeNull()
    await fixture.remove(webhook.id)
  })

  it('hold up their own lane only', async () => {
    const lanes = ['lane-a', 'lane-b', 'lane-c']
    const random = seededRandom('answer delays')
    let release: () => void = () => undefined
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const held: WebhookBehaviour = async (request, response, signal) => {
      await released
      if (!signal.aborted) await answer.ok(request, response, signal)
    }
    // The first delivery of lane-b fails, the next one is not answered until the other lanes are done.
    const ofLaneB = [bad, held]
    fixture.receiver.on('/ordered', {
      choose: ({ json }) => ((json as { laneId: string }).laneId === 'lane-b' ? ofLaneB.shift() : undefined) ?? answer.delay(random() * 5),
    })
    const webhook = await fixture.create('/ordered')
    const sent = new Map<string, string[]>(lanes.map((lane) => [lane, []]))
    for (let round = 0; round < 15; round += 1) for (const lane of lanes) sent.get(lane)?.push(await fixture.emit(lane))
    const seenOfB = () => fixture.receiver.requestsTo('/ordered').filter(({ json }) => (json as { laneId: string }).laneId === 'lane-b')
    await fixture.delivered('/ordered', [...(sent.get('lane-a') ?? []), ...(sent.get('lane-c') ?? [])])
    expect(new Set(seenOfB().map(eventIdOf))).toEqual(new Set([sent.get('lane-b')?.[0]]))
    release()
    expect(firstSeenPerLane(await fixture.delivered('/ordered', [...sent.values()].flat()))).toEqual(sent)
    await fixture.remove(webhook.id)
  })

  it('do not delay others, whether they reset, hang, drip, flood or refuse', async () => {
    const healthy = await fixture.create('/healthy')
    const p99Of = async (events: number): Promise<number> => {
      const emitted = new Map<string, number>()
      for (let index = 0; index < events; index += 1) {
        emitted.set(await fixture.emit(`lane-${index % 10}`), performance.now())
        await sleep(8)
      }
      const requests = (await fixture.delivered('/healthy', [...emitted.keys()])).filter((request) => emitted.has(eventIdOf(request)))
      const latencies = requests.map((request) => request.receivedAt - (emitted.get(eventIdOf(request)) ?? 0))
      return latencies.sort((left, right) => left - right)[Math.floor(latencies.length * 0.99)] ?? Number.NaN
    }
    const alone = await p99Of(200)
    const behaviours = {
      reset: answer.reset,
      hang: answer.hang,
      drip: answer.drip({ intervalMs: 100 }),
      flood: answer.huge(1e10),
      refuse: answer.status(503),
    }
    const ill = await Promise.all(
      Object.entries(behaviours).map(([name, behaviour]) => {
        fixture.receiver.on(`/ill-${name}`, behaviour)
        return fixture.create(`/ill-${name}`)
      }),
    )
    const beside = await p99Of(200)
    process.stdout.write(
      `healthy endpoint, p99 event to receipt: ${alone.toFixed(1)} ms alone, ${beside.toFixed(1)} ms beside five ill ones\n`,
    )
    // Waiting for a hanging endpoint would cost its timeout of 1500 ms. The machine may be busy otherwise.
    expect(beside).toBeLessThan(alone + 1000)
    await waitFor(async () => (await fixture.get(ill[1]?.id ?? '')).lastError === 'The endpoint did not answer in time')
    await Promise.all([...ill, healthy].map(({ id }) => fixture.remove(id)))
  })

  it('get a pause while they say that they are overloaded', async () => {
    fixture.receiver.on('/busy', { choose: (_request, nth) => (nth === 0 ? answer.status(429, { 'retry-after': '2' }) : answer.ok) })
    const webhook = await fixture.create('/busy')
    const events = [await fixture.emit('lane-1'), await fixture.emit('lane-2'), await fixture.emit('lane-3')]
    const requests = await fixture.delivered('/busy', events, 10_000)
    const [first, ...later] = requests.map(({ receivedAt }) => receivedAt)
    const after429 = later.filter((at) => at - (first ?? 0) > 100)
    // Attempts already under way may finish. After that the endpoint gets the pause it asked for.
    expect(Math.min(...after429) - (first ?? 0)).toBeGreaterThan(1900)
    await fixture.remove(webhook.id)
  })

  it('that are gone are disabled at once, and get their queued events when they are enabled again', async () => {
    fixture.receiver.on('/gone', [answer.status(410)])
    const webhook = await fixture.create('/gone')
    const first = await fixture.emit('lane-gone')
    const second = await fixture.emit('lane-gone')
    const shown = await waitFor(async () => {
      const now = await fixture.get(webhook.id)
      return now.enabled ? undefined : now
    })
    expect(shown.lastError).toBe('Disabled: the endpoint answered 410 Gone')
    await fixture.emit('lane-gone', 'lane.failed', { payload: { note: 'while disabled' } })
    await waitFor(() => fixture.output.includes('webhook.disabled'))
    const fourth = fixture.emit('lane-other')
    await fourth
    expect(fixture.receiver.requestsTo('/gone')).toHaveLength(1)
    await fixture.patch(webhook.id, { enabled: true })
    const requests = await fixture.delivered('/gone', [first, second])
    expect(requests.map(eventIdOf).slice(1)).toEqual([first, second])
    expect((await fixture.get(webhook.id)).lastError).toBeNull()
    await fixture.remove(webhook.id)
  })

  it('leave a dead letter with a summary after the last attempt, and the lane goes on', async () => {
    fixture.receiver.on('/never', { choose: ({ json }) => ((json as { eventType: string }).eventType === 'lane.failed' ? bad : answer.ok) })
    const webhook = await fixture.create('/never')
    const poison = await fixture.emit('lane-dead', 'lane.failed')
    const next = await fixture.emit('lane-dead')
    await fixture.delivered('/never', [next], 40_000)
    expect(fixture.receiver.requestsTo('/never').filter((request) => eventIdOf(request) === poison)).toHaveLength(6)
    await waitFor(async () => (await fixture.queued('LANE_JOBS', webhook.id)) === 0)
    const stored = await fixture.bus.jsm.streams.getMessage('LANE_DEAD', { last_by_subj: `lane.dead.webhook.${webhook.id}` })
    expect(stored.json()).toMatchObject({
      subscriptionId: webhook.id,
      event: { id: poison, type: 'lane.failed' },
      attempts: { attempts: 6, results: { '500': 6 }, reason: 'The endpoint answered 500' },
    })
    await fixture.remove(webhook.id)
  })

  it('that are deleted leave no job, no consumer and no status behind', async () => {
    fixture.receiver.on('/deleted', answer.hang)
    const webhook = await fixture.create('/deleted')
    for (let index = 0; index < 40; index += 1) await fixture.emit(`lane-${index}`)
    await waitFor(async () => (await fixture.queued('LANE_JOBS', webhook.id)) === 40)
    await fixture.remove(webhook.id)
    await waitFor(async () => (await fixture.queued('LANE_JOBS', webhook.id)) === 0, { timeoutMs: 10_000 })
    await expect(fixture.bus.jsm.consumers.info('LANE_JOBS', webhook.id)).rejects.toThrow(/consumer not found/)
    const kv = await fixture.bus.js.views.kv('lane-webhooks', { bindOnly: true })
    const stored = async (key: string) => (await kv.get(`${key}.${webhook.id}`))?.operation === 'PUT'
    await waitFor(async () => !((await stored('status')) || (await stored('retry'))))
    await fixture.emit('lane-0')
    const other = await fixture.create('/other')
    await fixture.delivered('/other', [await fixture.emit('lane-0')])
    expect(await fixture.queued('LANE_JOBS', webhook.id)).toBe(0)
    await fixture.remove(other.id)
  })

  it('that failed for five days are disabled with a log entry', async () => {
    fixture.receiver.on('/tired', bad)
    const webhook = await fixture.create('/tired', { enabled: false })
    const bucket = await JsonBucket.open(fixture.bus, BUCKETS.webhooks, Type.Record(Type.String(), Type.Unknown()))
    const stored = await bucket.get(`sub.${webhook.id}`)
    const longAgo = new Date(Date.now() - 5 * 24 * 60 * 60_000 - 60_000).toISOString()
    await bucket.put(`status.${webhook.id}`, { lastDeliveryAt: null, lastError: 'The endpoint answered 500', failingSince: longAgo })
    await bucket.update(`sub.${webhook.id}`, { ...stored?.value, enabled: true, endpointSince: longAgo }, stored?.revision ?? 0)
    await waitFor(async () => (await fixture.get(webhook.id)).enabled)
    await fixture.emit('lane-tired')
    const shown = await waitFor(async () => {
      const now = await fixture.get(webhook.id)
      return now.enabled ? undefined : now
    })
    expect(shown.lastError).toBe(`Disabled: nothing but failures since ${longAgo}`)
    await waitFor(() => fixture.output.includes(`nothing but failures since ${longAgo}`))
    await fixture.remove(webhook.id)
  })

  it('are not affected by a job that is not a delivery', async () => {
    const webhook = await fixture.create('/poison')
    await fixture.bus.js.publish(`lane.job.webhook.${webhook.id}`, 'not json {')
    await fixture.bus.js.publish(`lane.job.webhook.${webhook.id}`, '{"subscriptionId":1}')
    const event = await fixture.emit('lane-poison')
    expect(await fixture.delivered('/poison', [event], 5000)).toHaveLength(1)
    await waitFor(async () => (await fixture.queued('LANE_JOBS', webhook.id)) === 0)
    expect(fixture.output).toContain('a job that is not a delivery was dropped')
    await fixture.remove(webhook.id)
  })

  it('start fresh when their address is corrected', async () => {
    fixture.receiver.on('/wrong', answer.status(503, { 'retry-after': '3000' }))
    const webhook = await fixture.create('/wrong')
    const event = await fixture.emit('lane-moved')
    await waitFor(async () => (await fixture.get(webhook.id)).lastError)
    await fixture.patch(webhook.id, { url: fixture.receiver.url('/right') })
    await fixture.delivered('/right', [event], 5000)
    expect(fixture.receiver.requestsTo('/wrong')).toHaveLength(1)
    await fixture.remove(webhook.id)
  })

  it('get at most the configured number of requests at a time', async () => {
    let present = 0
    let peak = 0
    fixture.receiver.on('/slow', async (request, response, signal) => {
      present += 1
      peak = Math.max(peak, present)
      await sleep(30)
      present -= 1
      await answer.ok(request, response, signal)
    })
    const webhook = await fixture.create('/slow')
    const events: string[] = []
    for (let index = 0; index < 60; index += 1) events.push(await fixture.emit(`lane-${index}`))
    await fixture.delivered('/slow', events)
    expect(peak).toBeLessThanOrEqual(8)
    expect(peak).toBeGreaterThan(3)
    await fixture.remove(webhook.id)
  })
})

/** A wall clock that is corrected often: two of three reads are two milliseconds back, so timers seem to fire early. */
const UNSTEADY_CLOCK = 'let n=0;const now=Date.now;Date.now=()=>now()-(++n%3?0:2)'

describe('waiting for a retry', () => {
  let fixture: DispatcherFixture
  beforeAll(async () => {
    fixture = await DispatcherFixture.start({
      env: {
        BRIDGE_WEBHOOK_RETRY_SCHEDULE_SEC: '0,0.005,0.005,0.005',
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(UNSTEADY_CLOCK)}`,
      },
    })
    await fixture.startDispatcher()
  })
  afterAll(() => fixture.stop())

  it('always ends, even if it ends during the scan for the next job', async () => {
    const failed = new Set<string>()
    fixture.receiver.on('/every-second', {
      choose: ({ json }) => {
        const { eventId } = json as { eventId: string }
        if (failed.has(eventId)) return answer.ok
        failed.add(eventId)
        return bad
      },
    })
    const webhook = await fixture.create('/every-second')
    const events: string[] = []
    while (events.length < 500) events.push(await fixture.emit('lane-patient'))
    await waitFor(async () => (await fixture.queued('LANE_JOBS', webhook.id)) === 0, {
      timeoutMs: 30_000,
      describe: 'every job to be done',
    })
    expect(fixture.receiver.requestsTo('/every-second')).toHaveLength(1000)
    await fixture.remove(webhook.id)
  })
})
