import { randomUUID } from 'node:crypto'
import { connectBus, readLatest } from '@codex-bridge/bus'
import { SECRET_MASK, validator, Webhook, WebhookEnvelope, Webhooks } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { Webhook as Verifier } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { DispatcherRig, eventIdOf } from './support/dispatcher-fixture.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const PLAIN_SECRET = 'planted secret, never to be seen'
const isWebhook = validator(Webhook)
const isEnvelope = validator(WebhookEnvelope)

/** Runs against a broker with the real users and permissions: whatever the service may not do fails here. */
describe('webhooks as in the contract', () => {
  let rig: DispatcherRig
  beforeAll(async () => {
    rig = await DispatcherRig.start({ secured: true })
    await rig.emit('lane-old', 'lane.created')
    await rig.startDispatcher()
  })
  afterAll(() => rig.stop())

  it('delivers the envelope, signed, and shows the delivery', async () => {
    const webhook = await rig.create('/signed', {
      events: ['lane.completed'],
      secret: SECRET,
      scope: { laneId: 'lane-1', threadIds: ['thread-1'] },
    })
    expect(isWebhook(webhook)).toMatchObject({
      secret: SECRET_MASK,
      enabled: true,
      scopeKinds: ['lane', 'thread'],
      lastDeliveryAt: null,
      lastError: null,
    })
    await rig.emit('lane-1', 'lane.failed', { threadId: 'thread-1' })
    await rig.emit('lane-2', 'lane.completed', { threadId: 'thread-1' })
    await rig.emit('lane-1', 'lane.completed')
    const id = await rig.emit('lane-1', 'lane.completed', { threadId: 'thread-1', sessionId: 'lane-1', payload: { note: 'ümlaut ✓' } })
    const [request] = await rig.receiver.waitForRequests(1, ({ path }) => path === '/signed')
    const envelope = isEnvelope(request?.json)
    expect(envelope).toMatchObject({
      source: 'oai-app-proxy',
      eventKey: `${webhook.id}:${id}`,
      eventId: id,
      subscriptionId: webhook.id,
      eventType: 'lane.completed',
      laneId: 'lane-1',
      threadId: 'thread-1',
      sessionId: 'lane-1',
      scope: { laneIds: ['lane-1'], threadIds: ['thread-1'], sessionIds: [] },
      payload: { note: 'ümlaut ✓' },
      event: { id, type: 'lane.completed', laneId: 'lane-1' },
    })
    expect(envelope.event['seq']).toBe((await readLatest(rig.bus, 'lane.evt.lane-1.lane'))[0]?.seq)
    expect(Object.keys(envelope).sort()).toEqual(
      [
        'event',
        'eventId',
        'eventKey',
        'eventType',
        'id',
        'laneId',
        'payload',
        'scope',
        'sessionId',
        'source',
        'subscriptionId',
        'threadId',
        'ts',
      ].sort(),
    )
    const headers = request?.headers as Record<string, string>
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'codex-bridge/0.1.0',
      'webhook-id': envelope.eventKey,
    })
    expect(() => new Verifier(SECRET).verify(request?.rawBody.toString('utf8') ?? '', headers)).not.toThrow()
    await waitFor(async () => (await rig.get(webhook.id)).lastDeliveryAt, { timeoutMs: 2000 })
    expect(rig.receiver.requestsTo('/signed')).toHaveLength(1)
  })

  it('gives a subscription nothing from before it, and everything after', async () => {
    const webhook = await rig.create('/fresh')
    const first = await rig.emit('lane-fresh', 'lane.created')
    await rig.delivered('/fresh', [first])
    expect(rig.receiver.requestsTo('/fresh').map(eventIdOf)).toEqual([first])
    expect(rig.receiver.requestsTo('/fresh')[0]?.headers['webhook-signature']).toBeUndefined()
    await rig.remove(webhook.id)
  })

  it('sends a test to the one subscription, whatever it listens to', async () => {
    const [one, other] = [
      await rig.create('/test-one', { events: ['lane.never'], scope: { laneId: 'lane-t' } }),
      await rig.create('/test-other'),
    ]
    const commandId = randomUUID()
    const receipt = await rig.ask(Webhooks.test, { commandId, id: one.id })
    expect(await rig.ask(Webhooks.test, { commandId, id: one.id })).toEqual(receipt)
    const [request] = await rig.receiver.waitForRequests(1, ({ path }) => path === '/test-one')
    expect(isEnvelope(request?.json)).toMatchObject({
      id: receipt.deliveryId,
      eventId: receipt.eventId,
      eventType: 'webhook.test',
      laneId: 'lane-t',
    })
    expect(receipt.queued).toBe(true)
    await waitFor(async () => (await rig.queued('LANE_JOBS', one.id)) === 0)
    expect(rig.receiver.requestsTo('/test-one')).toHaveLength(1)
    expect(rig.receiver.requestsTo('/test-other')).toHaveLength(0)
    await rig.patch(one.id, { enabled: false })
    await expect(rig.ask(Webhooks.test, { commandId: randomUUID(), id: one.id })).rejects.toMatchObject({ code: 'validation_error' })
    await Promise.all([one, other].map(({ id }) => rig.remove(id)))
  })

  it('lists, changes and deletes', async () => {
    const webhook = await rig.create('/crud', { events: ['lane.a'], secret: PLAIN_SECRET })
    const listed = await rig.ask(Webhooks.list, {})
    expect(listed.nextCursor).toBeNull()
    expect(listed.webhooks.find(({ id }) => id === webhook.id)).toEqual(webhook)
    const patched = await rig.patch(webhook.id, { events: ['lane.b'], scope: { sessionId: 'lane-9' } })
    expect(isWebhook(patched)).toMatchObject({
      ...webhook,
      events: ['lane.b'],
      scope: { sessionIds: ['lane-9'] },
      scopeKinds: ['session'],
      updatedAt: patched.updatedAt,
    })
    const first = await rig.emit('lane-9', 'lane.b', { sessionId: 'lane-9' })
    await rig.emit('lane-9', 'lane.a', { sessionId: 'lane-9' })
    await rig.delivered('/crud', [first])
    await rig.patch(webhook.id, { enabled: false })
    await rig.emit('lane-9', 'lane.b', { sessionId: 'lane-9' })
    await rig.patch(webhook.id, { enabled: true })
    const second = await rig.emit('lane-9', 'lane.b', { sessionId: 'lane-9' })
    await rig.delivered('/crud', [first, second])
    expect(rig.receiver.requestsTo('/crud').map(eventIdOf)).toEqual([first, second])
    const commandId = randomUUID()
    await rig.remove(webhook.id, commandId)
    await rig.remove(webhook.id, commandId)
    await expect(rig.remove(webhook.id)).rejects.toMatchObject({ code: 'webhook_not_found' })
    await expect(rig.get(webhook.id)).rejects.toMatchObject({ code: 'webhook_not_found' })
    expect((await rig.ask(Webhooks.list, {})).webhooks.some(({ id }) => id === webhook.id)).toBe(false)
  })

  it('answers a repeated command with the first answer and refuses a reused key', async () => {
    const commandId = randomUUID()
    const [first, again] = await Promise.all([
      rig.create('/once', { secret: 'a' }, commandId),
      rig.create('/once', { secret: 'a' }, commandId),
    ])
    expect(again.id).toBe(first.id)
    await expect(rig.create('/once', { secret: 'b' }, commandId)).rejects.toMatchObject({ code: 'idempotency_key_reused', status: 422 })
    const patchId = randomUUID()
    const patched = await rig.patch(first.id, { events: ['lane.x'] }, patchId)
    await rig.patch(first.id, { events: ['lane.y'] })
    expect((await rig.patch(first.id, { events: ['lane.x'] }, patchId)).events).toEqual(['lane.y'])
    await expect(rig.patch(first.id, { events: ['lane.z'] }, patchId)).rejects.toMatchObject({ code: 'idempotency_key_reused' })
    expect(patched.events).toEqual(['lane.x'])
    await rig.remove(first.id)
  })

  it('refuses what it cannot use', async () => {
    const webhook = await rig.create('/valid', { secret: 'real' })
    for (const body of [
      { url: 'http://10.0.0.1/' },
      { url: 'http://[::1]/' },
      { url: 'http://2852039166/' },
      { secret: SECRET_MASK },
      { secret: 'whsec_%' },
    ]) {
      await expect(rig.create('/x', body)).rejects.toMatchObject({ code: 'validation_error' })
      await expect(rig.patch(webhook.id, body)).rejects.toMatchObject({ code: 'validation_error' })
    }
    await expect(rig.get('wh_nobody')).rejects.toMatchObject({ code: 'webhook_not_found' })
    await rig.remove(webhook.id)
  })

  it('never lets a private address answer, and says no more than of a dead one', async () => {
    const [blocked, dead] = [
      await rig.create('/x', { url: 'http://localhost.localdomain.invalid/' }),
      await rig.create('/x', { url: 'http://127.0.0.1:1/' }),
    ]
    await rig.emit('lane-blocked')
    const reasons = await Promise.all([blocked, dead].map(({ id }) => waitFor(async () => (await rig.get(id)).lastError)))
    expect(reasons).toEqual(['The endpoint cannot be reached', 'The endpoint cannot be reached'])
    await Promise.all([blocked, dead].map(({ id }) => rig.remove(id)))
  })

  it('keeps secrets out of the log, the bucket and every answer', async () => {
    const webhook = await rig.create('/secret', { secret: PLAIN_SECRET })
    await rig.delivered('/secret', [await rig.emit('lane-secret')])
    await rig.patch(webhook.id, { secret: `${PLAIN_SECRET} 2` })
    const answers = JSON.stringify([
      webhook,
      await rig.get(webhook.id),
      await rig.ask(Webhooks.list, {}),
      await rig.ask(Webhooks.health, {}),
    ])
    const kv = await rig.bus.js.views.kv('lane-webhooks', { bindOnly: true })
    let stored = ''
    for await (const entry of await kv.history()) stored += entry.string()
    expect(stored).toContain(webhook.id)
    expect(rig.output).toContain('lane.cmd.webhooks.create')
    for (const text of [answers, stored, rig.output]) {
      expect(text).not.toContain('planted')
      expect(text).not.toContain(SECRET.slice(6))
      expect(text).not.toContain(Buffer.from(PLAIN_SECRET).toString('base64').slice(0, 20))
    }
    await rig.remove(webhook.id)
  })

  it('was refused nothing by a broker that does refuse', async () => {
    const problems: string[] = []
    const login = { user: 'webhook-dispatcher', password: 'webhook-dispatcher-password' }
    const intruder = await connectBus({
      ...login,
      url: rig.nats.url,
      role: 'webhook-dispatcher',
      instance: 'x',
      observe: ({ message }) => problems.push(message),
    })
    intruder.nc.publish('lane.evt.lane-1.lane', 'forged')
    await waitFor(() => problems.some((problem) => /permission/i.test(problem)))
    await intruder.close()
    expect(await rig.ask(Webhooks.health, {})).toMatchObject({ status: 'ok', leading: true })
    expect(rig.output).not.toMatch(/permissions violation/i)
    expect(rig.output).not.toContain('"level":"error"')
  })
})
