import { randomUUID } from 'node:crypto'
import { connectBus, decodeEnvelope, readLatest } from '@codex-bridge/bus'
import { SECRET_MASK, validator, Webhook, WebhookEnvelope, Webhooks } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { Webhook as Verifier } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { DispatcherFixture, eventIdOf } from './support/dispatcher-fixture.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const PLAIN_SECRET = 'planted secret, never to be seen'
const isWebhook = validator(Webhook)
const isEnvelope = validator(WebhookEnvelope)

/** Runs against a broker with the real users and permissions, so that anything the service may not do fails here. */
describe('webhooks as in the contract', () => {
  let fixture: DispatcherFixture
  beforeAll(async () => {
    fixture = await DispatcherFixture.start({ secured: true })
    await fixture.emit('lane-old', 'lane.created')
    await fixture.startDispatcher()
  })
  afterAll(() => fixture.stop())

  it('delivers the signed envelope and shows the delivery', async () => {
    const webhook = await fixture.create('/signed', {
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
    await fixture.emit('lane-1', 'lane.failed', { threadId: 'thread-1' })
    await fixture.emit('lane-2', 'lane.completed', { threadId: 'thread-1' })
    await fixture.emit('lane-1', 'lane.completed')
    const id = await fixture.emit('lane-1', 'lane.completed', { threadId: 'thread-1', sessionId: 'lane-1', payload: { note: 'ümlaut ✓' } })
    const [request] = await fixture.receiver.waitForRequests(1, ({ path }) => path === '/signed')
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
    expect(envelope.event['seq']).toBe((await readLatest(fixture.bus, 'lane.evt.lane-1.lane', decodeEnvelope))[0]?.seq)
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
    await waitFor(async () => (await fixture.get(webhook.id)).lastDeliveryAt, { timeoutMs: 2000 })
    expect(fixture.receiver.requestsTo('/signed')).toHaveLength(1)
  })

  it('delivers nothing from before the subscription, and everything after', async () => {
    const webhook = await fixture.create('/fresh')
    const first = await fixture.emit('lane-fresh', 'lane.created')
    await fixture.delivered('/fresh', [first])
    expect(fixture.receiver.requestsTo('/fresh').map(eventIdOf)).toEqual([first])
    expect(fixture.receiver.requestsTo('/fresh')[0]?.headers['webhook-signature']).toBeUndefined()
    await fixture.remove(webhook.id)
  })

  it('sends a test to its subscription only, whatever its patterns', async () => {
    const [one, other] = [
      await fixture.create('/test-one', { events: ['lane.never'], scope: { laneId: 'lane-t' } }),
      await fixture.create('/test-other'),
    ]
    const commandId = randomUUID()
    const receipt = await fixture.ask(Webhooks.test, { commandId, id: one.id })
    expect(await fixture.ask(Webhooks.test, { commandId, id: one.id })).toEqual(receipt)
    const [request] = await fixture.receiver.waitForRequests(1, ({ path }) => path === '/test-one')
    expect(isEnvelope(request?.json)).toMatchObject({
      id: receipt.deliveryId,
      eventId: receipt.eventId,
      eventType: 'webhook.test',
      laneId: 'lane-t',
    })
    expect(receipt.queued).toBe(true)
    await waitFor(async () => (await fixture.queued('LANE_JOBS', one.id)) === 0)
    expect(fixture.receiver.requestsTo('/test-one')).toHaveLength(1)
    expect(fixture.receiver.requestsTo('/test-other')).toHaveLength(0)
    await fixture.patch(one.id, { enabled: false })
    await expect(fixture.ask(Webhooks.test, { commandId: randomUUID(), id: one.id })).rejects.toMatchObject({ code: 'validation_error' })
    await Promise.all([one, other].map(({ id }) => fixture.remove(id)))
  })

  it('lists, changes and deletes subscriptions', async () => {
    const webhook = await fixture.create('/crud', { events: ['lane.a'], secret: PLAIN_SECRET })
    const listed = await fixture.ask(Webhooks.list, {})
    expect(listed.nextCursor).toBeNull()
    expect(listed.webhooks.find(({ id }) => id === webhook.id)).toEqual(webhook)
    const patched = await fixture.patch(webhook.id, { events: ['lane.b'], scope: { sessionId: 'lane-9' } })
    expect(isWebhook(patched)).toMatchObject({
      ...webhook,
      events: ['lane.b'],
      scope: { sessionIds: ['lane-9'] },
      scopeKinds: ['session'],
      updatedAt: patched.updatedAt,
    })
    const first = await fixture.emit('lane-9', 'lane.b', { sessionId: 'lane-9' })
    await fixture.emit('lane-9', 'lane.a', { sessionId: 'lane-9' })
    await fixture.delivered('/crud', [first])
    await fixture.patch(webhook.id, { enabled: false })
    await fixture.emit('lane-9', 'lane.b', { sessionId: 'lane-9' })
    await fixture.patch(webhook.id, { enabled: true })
    const second = await fixture.emit('lane-9', 'lane.b', { sessionId: 'lane-9' })
    await fixture.delivered('/crud', [first, second])
    expect(fixture.receiver.requestsTo('/crud').map(eventIdOf)).toEqual([first, second])
    const commandId = randomUUID()
    await fixture.remove(webhook.id, commandId)
    await fixture.remove(webhook.id, commandId)
    await expect(fixture.remove(webhook.id)).rejects.toMatchObject({ code: 'webhook_not_found' })
    await expect(fixture.get(webhook.id)).rejects.toMatchObject({ code: 'webhook_not_found' })
    expect((await fixture.ask(Webhooks.list, {})).webhooks.some(({ id }) => id === webhook.id)).toBe(false)
  })

  it('carries out a repeated command once and refuses a reused key', async () => {
    const commandId = randomUUID()
    const [first, again] = await Promise.all([
      fixture.create('/once', { secret: 'a' }, commandId),
      fixture.create('/once', { secret: 'a' }, commandId),
    ])
    expect(again.id).toBe(first.id)
    await expect(fixture.create('/once', { secret: 'b' }, commandId)).rejects.toMatchObject({ code: 'idempotency_key_reused', status: 422 })
    const patchId = randomUUID()
    const patched = await fixture.patch(first.id, { events: ['lane.x'] }, patchId)
    await fixture.patch(first.id, { events: ['lane.y'] })
    expect((await fixture.patch(first.id, { events: ['lane.x'] }, patchId)).events).toEqual(['lane.y'])
    await expect(fixture.patch(first.id, { events: ['lane.z'] }, patchId)).rejects.toMatchObject({ code: 'idempotency_key_reused' })
    expect(patched.events).toEqual(['lane.x'])
    await fixture.remove(first.id)
  })

  it('refuses invalid addresses and secrets', async () => {
    const webhook = await fixture.create('/valid', { secret: 'real' })
    for (const body of [
      { url: 'http://10.0.0.1/' },
      { url: 'http://[::1]/' },
      { url: 'http://2852039166/' },
      { secret: SECRET_MASK },
      { secret: 'whsec_%' },
    ]) {
      await expect(fixture.create('/x', body)).rejects.toMatchObject({ code: 'validation_error' })
      await expect(fixture.patch(webhook.id, body)).rejects.toMatchObject({ code: 'validation_error' })
    }
    await expect(fixture.get('wh_nobody')).rejects.toMatchObject({ code: 'webhook_not_found' })
    await fixture.remove(webhook.id)
  })

  it('reports a blocked address and a dead one alike', async () => {
    const [blocked, dead] = [
      await fixture.create('/x', { url: 'http://localhost.localdomain.invalid/' }),
      await fixture.create('/x', { url: 'http://127.0.0.1:1/' }),
    ]
    await fixture.emit('lane-blocked')
    const reasons = await Promise.all([blocked, dead].map(({ id }) => waitFor(async () => (await fixture.get(id)).lastError)))
    expect(reasons).toEqual(['The endpoint cannot be reached', 'The endpoint cannot be reached'])
    await Promise.all([blocked, dead].map(({ id }) => fixture.remove(id)))
  })

  it('keeps secrets out of the log, the bucket and all answers', async () => {
    const webhook = await fixture.create('/secret', { secret: PLAIN_SECRET })
    await fixture.delivered('/secret', [await fixture.emit('lane-secret')])
    await fixture.patch(webhook.id, { secret: `${PLAIN_SECRET} 2` })
    const answers = JSON.stringify([
      webhook,
      await fixture.get(webhook.id),
      await fixture.ask(Webhooks.list, {}),
      await fixture.ask(Webhooks.health, {}),
    ])
    const kv = await fixture.bus.js.views.kv('lane-webhooks', { bindOnly: true })
    let stored = ''
    for await (const entry of await kv.history()) stored += entry.string()
    expect(stored).toContain(webhook.id)
    expect(fixture.output).toContain('lane.cmd.webhooks.create')
    for (const text of [answers, stored, fixture.output]) {
      expect(text).not.toContain('planted')
      expect(text).not.toContain(SECRET.slice(6))
      expect(text).not.toContain(Buffer.from(PLAIN_SECRET).toString('base64').slice(0, 20))
    }
    await fixture.remove(webhook.id)
  })

  it('needs no permission that its role does not have', async () => {
    const problems: string[] = []
    const login = { user: 'webhook-dispatcher', password: 'webhook-dispatcher-password' }
    const intruder = await connectBus({
      ...login,
      url: fixture.nats.url,
      role: 'webhook-dispatcher',
      instance: 'x',
      observe: ({ message }) => problems.push(message),
    })
    intruder.nc.publish('lane.evt.lane-1.lane', 'forged')
    await waitFor(() => problems.some((problem) => /permission/i.test(problem)))
    await intruder.close()
    expect(await fixture.ask(Webhooks.health, {})).toMatchObject({ status: 'ok', leading: true })
    expect(fixture.output).not.toMatch(/permissions violation/i)
    expect(fixture.output).not.toContain('"level":"error"')
  })
})
