import type {
  Approval,
  CleanupResult,
  EventEnvelope,
  Lane,
  Session,
  StartVisibleResult,
  TurnReceipt,
  Webhook,
} from '@codex-bridge/contracts'
import { connectSse, startWebhookReceiver, type WebhookReceiver, waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import { type ContractFixture, startContractFixture } from './contract-fixture.ts'

let fixture: ContractFixture
let receiver: WebhookReceiver

beforeAll(async () => {
  fixture = await startContractFixture()
  receiver = await startWebhookReceiver()
}, 120_000)
beforeEach(() => fixture.disturb())
afterAll(async () => {
  await receiver?.close()
  await fixture?.dispose()
})

const start = (laneId: string, more: object = {}) =>
  fixture.call<StartVisibleResult>('POST', '/codex/workflows/start-visible', 201, {
    body: { laneId, repoRoot: fixture.workspace(laneId), ...more },
  })

const completed = (laneId: string, commandId: string) =>
  fixture.untilEvent(laneId, 'lane.turn.completed', (event) => event.commandId === commandId)

describe('health, documents, stream', () => {
  it('GET /health names versions, services and the codex binary', async () => {
    const runners = fixture.count('session-runner')
    const health = await waitFor(
      async () => {
        const answer = await fixture.call<{ status: string; codex: { version: string }; runners: unknown[] }>('GET', '/health', 200)
        return answer.status === 'ok' && answer.runners.length === runners && answer
      },
      { timeoutMs: SLOW_MS, describe: 'every session-runner to be well' },
    )
    expect(health).toMatchObject({
      status: 'ok',
      codex: { appServer: 'ok', login: 'not_required', version: expect.stringMatching(/^\d+\./), mixedVersions: false, missingMethods: [] },
      services: { 'lane-registry': { lag: expect.any(Number) }, 'webhook-dispatcher': { lag: expect.any(Number) } },
    })
    const { version } = health.codex
    expect(health).toMatchObject({
      codex: { homes: [{ path: fixture.codexHome, runners, versions: [version] }] },
      runners: Array.from({ length: runners }, () => ({ codexVersion: version, codexVersions: [version], missingMethods: [] })),
    })
  })

  it('GET /openapi, its files, /openapi/json and /asyncapi.json', async () => {
    await fixture.call('GET', '/openapi', 200)
    await fixture.call('GET', '/openapi/assets/{name}', 200, { path: { name: 'swagger-ui-bundle.js' } })
    expect(await fixture.call('GET', '/openapi/json', 200)).toMatchObject({ openapi: '3.1.0' })
    expect(await fixture.call('GET', '/asyncapi.json', 200)).toMatchObject({ asyncapi: '3.0.0' })
  })

  it('GET /events/stream shows lane events live', async () => {
    const client = await connectSse(`${fixture.bridge.baseUrl}/events/stream`)
    await fixture.call('POST', '/lanes', 201, { body: { laneId: 'streamed' } })
    const frame = await client.waitFor(({ data }) => (data as EventEnvelope | undefined)?.laneId === 'streamed', SLOW_MS)
    expect(frame.data).toMatchObject({ type: 'lane.created', laneId: 'streamed', threadId: null, sessionId: null })
    client.close()
    fixture.called.add('GET /events/stream')
  })
})

describe('watch', () => {
  it('start with an interval, status, tick, stop', async () => {
    expect(await fixture.call('POST', '/watch/start', 200, { body: { intervalSec: 15 } })).toMatchObject({ running: true, intervalSec: 15 })
    expect(await fixture.call('GET', '/watch/status', 200)).toMatchObject({ running: true, intervalSec: 15 })
    const ticked = await fixture.call('POST', '/watch/tick', 200)
    expect(ticked).toMatchObject({ lastTickAt: expect.any(String), lastTickMs: expect.any(Number), errors: [] })
    expect(await fixture.call('POST', '/watch/stop', 200)).toMatchObject({ running: false })
    await fixture.call('POST', '/watch/start', 400, { body: { intervalSec: 0 } })
  })
})

describe('webhooks', () => {
  it('create with every scope, list, read, change, test, delete', async () => {
    const body = {
      url: receiver.url('/hook'),
      events: ['lane.completed', 'lane.failed', 'webhook.test'],
      enabled: true,
      secret: 'optional-secret',
      scope: {
        laneId: 'lane-1',
        laneIds: ['lane-1', 'lane-2'],
        threadId: 'thread-1',
        threadIds: ['thread-1', 'thread-2'],
        sessionId: 'lane-1',
        sessionIds: ['lane-1', 'lane-2'],
      },
    }
    const made = await fixture.call<Webhook>('POST', '/webhooks', 201, { body })
    expect(made).toMatchObject({
      url: body.url,
      enabled: true,
      secret: '********',
      scope: { laneIds: ['lane-1', 'lane-2'], threadIds: ['thread-1', 'thread-2'], sessionIds: ['lane-1', 'lane-2'] },
      scopeKinds: ['lane', 'thread', 'session'],
      lastDeliveryAt: null,
      lastError: null,
    })
    const path = { id: made.id }
    expect((await fixture.call<{ webhooks: Webhook[] }>('GET', '/webhooks', 200)).webhooks.map(({ id }) => id)).toEqual([made.id])
    expect((await fixture.call<Webhook>('GET', '/webhooks/{id}', 200, { path })).id).toBe(made.id)
    expect(await fixture.call('PATCH', '/webhooks/{id}', 200, { path, body: { events: ['webhook.*'], scope: {} } })).toMatchObject({
      events: ['webhook.*'],
      scopeKinds: [],
    })
    await fixture.call('POST', '/webhooks/{id}/test', 202, { path })
    const [delivery] = await receiver.waitForRequests(1, (request) => request.path === '/hook', SLOW_MS)
    expect(delivery?.json).toMatchObject({ source: 'oai-app-proxy', eventType: 'webhook.test', subscriptionId: made.id })
    await fixture.call('DELETE', '/webhooks/{id}', 204, { path })
    await fixture.call('GET', '/webhooks/{id}', 404, { path })
  })

  it('every event of a lane reaches its webhook in the envelope of the contract', async () => {
    const { id } = await fixture.call<Webhook>('POST', '/webhooks', 201, {
      body: { url: receiver.url('/lane'), events: ['lane.*'], scope: { laneId: 'hooked' } },
    })
    await start('hooked', { kickoffPrompt: '#say hooked' })
    await fixture.untilStatus('hooked', 'done')
    const [request] = await receiver.waitForRequests(
      1,
      ({ path, json }) => path === '/lane' && (json as { eventType?: string }).eventType === 'lane.completed',
      SLOW_MS,
    )
    const envelope = request?.json as Record<string, unknown>
    expect(Object.keys(envelope).sort()).toEqual(
      [
        'id',
        'ts',
        'source',
        'eventKey',
        'eventId',
        'subscriptionId',
        'eventType',
        'laneId',
        'threadId',
        'sessionId',
        'scope',
        'payload',
        'event',
      ].sort(),
    )
    expect(envelope['eventKey']).toBe(`${id}:${String(envelope['eventId'])}`)
  })
})

describe('lanes and sessions', () => {
  it('create with every field, read, list by every filter, delete', async () => {
    const repoRoot = fixture.workspace('described')
    const body = {
      laneId: 'described',
      projectId: 'contract',
      repoRoot,
      threadId: 'thread-of-nobody',
      readinessMode: 'strict',
      acceptanceCriteria: ['it works'],
      verificationCommands: ['true'],
    }
    const lane = await fixture.call<Lane>('POST', '/lanes', 201, { body })
    expect(lane).toMatchObject({ ...body, status: 'idle', activeTurnId: null, preferredSurface: 'any', surface: 'unknown' })
    const path = { laneId: 'described' }
    expect(await fixture.call('GET', '/lanes/{laneId}', 200, { path })).toMatchObject(body)
    const found = async (query: Record<string, string>) =>
      (await fixture.call<{ lanes: Lane[] }>('GET', '/lanes', 200, { query })).lanes.map(({ laneId }) => laneId)
    const queries: Record<string, string>[] = [
      { projectId: 'contract' },
      { threadId: 'thread-of-nobody' },
      { q: 'ESCRIB' },
      { q: 'described', status: 'idle,done', updatedSince: lane.createdAt },
    ]
    for (const query of queries) expect(await found(query)).toEqual(['described'])
    expect(await found({ q: 'described', status: 'failed' })).toEqual([])
    expect(await found({ updatedSince: '2999-01-01T00:00:00Z' })).toEqual([])
    expect(await fixture.call('POST', '/lanes', 409, { body })).toMatchObject({ error: 'lane_exists' })
    for (const laneId of ['sessions', 'attach', 'cleanup']) await fixture.call('POST', '/lanes', 400, { body: { laneId } })
    await fixture.call('DELETE', '/lanes/{laneId}', 204, { path })
    await fixture.call('GET', '/lanes/{laneId}', 404, { path })
  })

  it('start-visible, session snapshots, prompt, steer, interrupt, stop, start', async () => {
    const path = { laneId: 'driven' }
    const begun = await start('driven', { title: 'Bridge managed lane', kickoffPrompt: '#say first', preferredSurface: 'any' })
    expect(begun).toMatchObject({
      lane: { laneId: 'driven', title: 'Bridge managed lane', status: 'running' },
      session: { running: true, pendingRequests: 0, readinessMode: 'lenient', readinessDeferred: false, readinessReason: null },
      thread: { name: 'Bridge managed lane', cwd: fixture.workspace('driven') },
      turn: { action: 'prompt', status: 'inProgress' },
    })
    await fixture.untilStatus('driven', 'done')
    const { sessions } = await fixture.call<{ sessions: Session[] }>('GET', '/lanes/sessions', 200)
    expect(sessions.find(({ laneId }) => laneId === 'driven')).toMatchObject({ running: true, threadId: begun.thread.id })
    const long = await fixture.call<TurnReceipt>('POST', '/lanes/{laneId}/prompt', 202, {
      path,
      body: { input: '#sleep 20000\n#say late' },
    })
    const query = { minSeq: String(long.seq) }
    expect(await fixture.call('GET', '/lanes/{laneId}/session/status', 200, { path, query })).toMatchObject({ activeTurnId: long.turnId })
    expect(await fixture.call('POST', '/lanes/{laneId}/prompt', 409, { path, body: { input: 'x' } })).toMatchObject({
      error: 'turn_active',
    })
    await fixture.call('POST', '/lanes/{laneId}/steer', 202, { path, body: { input: 'narrow to failing tests' } })
    await fixture.call('POST', '/lanes/{laneId}/interrupt', 202, { path, body: {} })
    expect((await completed('driven', long.commandId)).payload).toMatchObject({ status: 'interrupted', cause: 'operator' })
    expect(await fixture.call('POST', '/lanes/{laneId}/session/stop', 200, { path })).toMatchObject({ running: false, startedAt: null })
    expect(await fixture.call('POST', '/lanes/{laneId}/session/start', 200, { path })).toMatchObject({
      running: true,
      threadId: begun.thread.id,
    })
    const { events } = await fixture.call<{ events: EventEnvelope[] }>('GET', '/lanes/{laneId}/events', 200, {
      path,
      query: { limit: '1000' },
    })
    const types = new Set(events.map(({ type }) => type))
    const named = ['lane.session.started', 'lane.turn.started.notification', 'lane.item.completed.notification', 'lane.turn.completed']
    for (const type of [...named, 'lane.turn.completed.notification', 'lane.completed']) expect(types).toContain(type)
  })

  it('runs verification commands, and fails the lane with the evidence when one fails', async () => {
    await start('verified', { kickoffPrompt: '#say done', acceptanceCriteria: ['proved'], verificationCommands: ['true', 'exit 3'] })
    const lane = await fixture.untilStatus('verified', 'failed')
    expect(lane.statusReason).toMatchObject({ code: 'verification_failed', details: [{ exitCode: 0 }, { exitCode: 3 }] })
  })

  it('cleanup says what it would do, and does it only when told to', async () => {
    const body = { statuses: ['done', 'failed', 'interrupted', 'blocked'], olderThanHours: 0, syntheticOnly: false, limit: 250 }
    const plan = await fixture.call<CleanupResult>('POST', '/lanes/cleanup', 200, { body })
    expect(plan).toMatchObject({ dryRun: true, deleted: 0 })
    expect(plan.lanes).toContainEqual(expect.objectContaining({ laneId: 'verified', action: 'would_delete' }))
    expect((await fixture.call<CleanupResult>('POST', '/lanes/cleanup', 200, { body: { ...body, syntheticOnly: true } })).matched).toBe(0)
    expect((await fixture.call<CleanupResult>('POST', '/lanes/cleanup', 200, { body: { ...body, limit: 1 } })).matched).toBe(1)
    const done = await fixture.call<CleanupResult>('POST', '/lanes/cleanup', 200, { body: { ...body, dryRun: false } })
    expect(done.deleted).toBe(plan.matched)
    await fixture.call('GET', '/lanes/{laneId}', 404, { path: { laneId: 'verified' } })
  })
})

describe('approvals and debug', () => {
  it('an approval of Codex is listed, approved and reaches it; another one is denied', async () => {
    await start('asked', { kickoffPrompt: '#ask-run touch yes\n#say {result}' })
    for (const action of ['approve', 'deny'] as const) {
      await fixture.untilStatus('asked', 'needs_approval')
      const path = { laneId: 'asked' }
      const { approvals } = await fixture.call<{ approvals: Approval[] }>('GET', '/lanes/{laneId}/approvals', 200, { path })
      const pending = approvals.find(({ status }) => status === 'pending')
      expect(pending).toMatchObject({ laneId: 'asked', source: 'app-server', reason: expect.any(String), resolvedAt: null })
      const where = { path: { ...path, approvalId: pending?.approvalId ?? '' } }
      const status = action === 'approve' ? 'approved' : 'denied'
      const decided = await fixture.call('POST', `/lanes/{laneId}/approvals/{approvalId}/${action}`, 200, where)
      expect(decided).toMatchObject({ status, resolvedAt: expect.any(String) })
      const repeated = await fixture.call('POST', `/lanes/{laneId}/approvals/{approvalId}/${action}`, 409, where)
      expect(repeated).toMatchObject({ error: 'approval_already_resolved' })
      await fixture.untilStatus('asked', 'done')
      if (action === 'approve') await fixture.call('POST', '/lanes/{laneId}/prompt', 202, { path, body: { input: '#ask-run touch no' } })
    }
  })

  it('request-approval goes the way of every approval', async () => {
    await start('debugged', { kickoffPrompt: '#sleep 15000' })
    for (const source of ['runtime', 'app-server'] as const) {
      const body = { laneId: 'debugged', source, reason: 'by hand' }
      const approval = await fixture.call<Approval>('POST', '/debug/request-approval', 201, { body })
      expect(approval).toMatchObject({ ...body, kind: 'manual', status: 'pending' })
      expect((await fixture.untilStatus('debugged', 'needs_approval')).pendingApprovals).toBe(1)
      const path = { laneId: 'debugged', approvalId: approval.approvalId }
      const approved = await fixture.call('POST', '/lanes/{laneId}/approvals/{approvalId}/approve', 200, { path })
      expect(approved).toMatchObject({ status: 'approved' })
      await fixture.untilStatus('debugged', 'running')
    }
    await fixture.call('POST', '/debug/request-approval', 404, { body: { laneId: 'nobody' } })
  })

  it('complete and reconcile-stale', async () => {
    const body = { laneId: 'streamed', note: 'optional debug note' }
    const lane = await fixture.call('POST', '/debug/complete', 200, { body })
    expect(lane).toMatchObject({ status: 'done', statusReason: { message: body.note } })
    const event = await fixture.untilEvent('streamed', 'lane.completed')
    expect(event.payload).toMatchObject({ note: body.note, debug: true })
    const result = await fixture.call('POST', '/debug/reconcile-stale', 200, { body: {} })
    expect(result).toMatchObject({ clearedLanes: [], recoveredSessions: [] })
    await fixture.call('POST', '/debug/complete', 404, { body: { laneId: 'nobody' } })
  })
})

it('every route but those of codex threads and takeover was called here', () => {
  const elsewhere = /^\S+ \/(codex\/(?!workflows)|lanes\/attach|lanes\/\{laneId\}\/sync-from-codex)/
  expect(fixture.uncalled((operation) => !elsewhere.test(operation))).toEqual([])
})
