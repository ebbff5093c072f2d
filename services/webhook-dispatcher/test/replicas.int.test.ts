import { randomUUID } from 'node:crypto'
import { JsonBucket } from '@codex-bridge/bus'
import { BUCKETS, Webhooks } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { Type } from 'typebox'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DispatcherFixture, eventIdOf } from './support/dispatcher-fixture.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 })

/** Each request goes to either process at random; in so many rounds both answer in every combination that matters. */
const ROUNDS = 20

describe('two dispatchers', () => {
  let fixture: DispatcherFixture
  beforeEach(async () => {
    fixture = await DispatcherFixture.start()
    await fixture.startDispatcher('webhook-dispatcher-1')
    await fixture.startDispatcher('webhook-dispatcher-2')
  })
  afterEach(() => fixture.stop())

  const health = () => fixture.ask(Webhooks.health, {})
  const listedIds = async () => (await fixture.ask(Webhooks.list, {})).webhooks.map(({ id }) => id)
  /** Which of the processes leads, as the leader says itself. */
  const leader = async () => {
    const leading = await waitFor(async () => {
      const answer = await health()
      return answer.leading ? answer.instance : undefined
    })
    const process = fixture.dispatchers.find(({ name }) => name === leading)
    if (!process) throw new Error(`no process ${leading}`)
    return process
  }

  it('both answer, and every answer includes the changes before it', async () => {
    const instances = new Set<string>()
    for (let round = 0; round < ROUNDS; round += 1) {
      instances.add((await health()).instance)
      const webhook = await fixture.create(`/round-${round}`)
      expect(await listedIds()).toEqual([webhook.id])
      expect(await fixture.get(webhook.id)).toEqual(webhook)
      const patched = await fixture.patch(webhook.id, { events: [`lane.round.${round}`] })
      expect(await fixture.get(webhook.id)).toEqual(patched)
      expect((await fixture.ask(Webhooks.list, {})).webhooks).toEqual([patched])
      await fixture.remove(webhook.id)
      expect(await listedIds()).toEqual([])
      await expect(fixture.get(webhook.id)).rejects.toMatchObject({ code: 'webhook_not_found' })
      await expect(fixture.patch(webhook.id, { enabled: true })).rejects.toMatchObject({ code: 'webhook_not_found' })
    }
    expect(instances.size).toBe(2)
  })

  it('answer a repeated command alike, whichever gets the repetition', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const commandId = randomUUID()
      const create = () => fixture.create('/once', { secret: 'a' }, commandId)
      const [first, again] = await Promise.all([create(), create()])
      expect(again.id).toBe(first.id)
      await expect(fixture.create('/once', { secret: 'b' }, commandId)).rejects.toMatchObject({ code: 'idempotency_key_reused' })
      const deletion = randomUUID()
      await Promise.all([fixture.remove(first.id, deletion), fixture.remove(first.id, deletion)])
    }
    expect(await listedIds()).toEqual([])
  })

  it('apply every change to the very next event, whichever made the change', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const path = `/next-${round}`
      const lane = `lane-${round}`
      const webhook = await fixture.create(path, { events: ['lane.a'] })
      const expected = [await fixture.emit(lane, 'lane.a')]
      await fixture.delivered(path, expected)
      await fixture.patch(webhook.id, { events: ['lane.b'] })
      await fixture.emit(lane, 'lane.a')
      expected.push(await fixture.emit(lane, 'lane.b'))
      await fixture.delivered(path, expected)
      await fixture.patch(webhook.id, { enabled: false })
      await fixture.emit(lane, 'lane.b')
      await fixture.patch(webhook.id, { enabled: true })
      expected.push(await fixture.emit(lane, 'lane.b'))
      const { eventId } = await fixture.ask(Webhooks.test, { commandId: randomUUID(), id: webhook.id })
      await fixture.delivered(path, [...expected, eventId])
      const received = fixture.receiver.requestsTo(path).map(eventIdOf)
      expect(received.filter((id) => id !== eventId)).toEqual(expected)
      await fixture.remove(webhook.id)
    }
  })

  it('apply a change to the very next event even if the watch of the leader has broken', async () => {
    const bucket = await JsonBucket.open(fixture.bus, BUCKETS.webhooks, Type.Record(Type.String(), Type.Unknown()))
    const webhook = await fixture.create('/broken-watch', { events: ['lane.a'] })
    await fixture.delivered('/broken-watch', [await fixture.emit('lane-1', 'lane.a')])
    for await (const { name } of fixture.bus.jsm.consumers.list(`KV_${BUCKETS.webhooks}`)) {
      await fixture.bus.jsm.consumers.delete(`KV_${BUCKETS.webhooks}`, name)
    }
    const stored = await bucket.get(`sub.${webhook.id}`)
    if (!stored) throw new Error('the subscription is not stored')
    await bucket.update(`sub.${webhook.id}`, { ...stored.value, events: ['lane.b'] }, stored.revision)
    await fixture.delivered('/broken-watch', [await fixture.emit('lane-1', 'lane.b')], 30_000)
    expect(await fixture.get(webhook.id)).toMatchObject({ events: ['lane.b'] })
  })

  it('show the same status once it is stored', async () => {
    const webhook = await fixture.create('/status')
    await fixture.delivered('/status', [await fixture.emit('lane-1')])
    const answers = () => Promise.all(Array.from({ length: ROUNDS }, () => fixture.get(webhook.id)))
    const shown = await waitFor(async () => {
      const webhooks = await answers()
      return webhooks.every(({ lastDeliveryAt }) => lastDeliveryAt !== null) && webhooks
    })
    for (const answer of shown) expect(answer).toEqual(shown[0])
  })

  it('go on when the leader is killed between two requests', async () => {
    for (let round = 0; round < 3; round += 1) {
      const path = `/kill-${round}`
      const webhook = await fixture.create(path, { events: ['lane.a'] })
      const victim = await leader()
      victim.kill('SIGKILL')
      expect(await listedIds()).toContain(webhook.id)
      const patched = await fixture.patch(webhook.id, { events: ['lane.b'] })
      expect(await fixture.get(webhook.id)).toEqual(patched)
      const expected = [await fixture.emit(`lane-${round}`, 'lane.b')]
      const { eventId } = await fixture.ask(Webhooks.test, { commandId: randomUUID(), id: webhook.id })
      await victim.exited
      fixture.dispatchers.splice(fixture.dispatchers.indexOf(victim), 1)
      await fixture.startDispatcher(victim.name)
      expected.push(await fixture.emit(`lane-${round}`, 'lane.b'))
      await fixture.delivered(path, [...expected, eventId], 30_000)
      expect(new Set(fixture.receiver.requestsTo(path).map(eventIdOf))).toEqual(new Set([...expected, eventId]))
      await fixture.remove(webhook.id)
    }
  })
})
