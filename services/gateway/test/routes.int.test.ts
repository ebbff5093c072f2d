import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGateway, refuse, startBroker, startGateway } from './gateway-fixture.ts'
import { type StubServices, startStubServices } from './stub-services.ts'

type ErrorResponse = { error: string; message: string; requestId: string; details?: { path: string; message: string }[] }

let broker: Awaited<ReturnType<typeof startBroker>>
let services: StubServices
let gateway: RunningGateway

beforeAll(async () => {
  broker = await startBroker()
  services = await startStubServices(broker.bus, { registry: { getSession: refuse('lane_not_found') } })
  gateway = await startGateway(broker.nats.url)
}, 30_000)
afterAll(async () => {
  await gateway?.stop()
  await services?.stop()
  await broker?.stop()
})

const JSON_HEADERS = { 'content-type': 'application/json' }
const send = (method: string, path: string, body?: string | Buffer, headers: Record<string, string> = {}) =>
  gateway.http.raw<ErrorResponse>(method, path, { headers: { ...JSON_HEADERS, ...headers }, ...(body !== undefined && { body }) })

describe('routes', () => {
  it.each([
    ['POST', '/lanes', '{"laneId":"a"}', 201, { body: { laneId: 'a' } }],
    ['POST', '/lanes', '', 201, { body: {} }],
    ['GET', '/lanes', undefined, 200, { limit: 100 }],
    ['GET', '/lanes?limit=7&cursor=abc&minSeq=3', undefined, 200, { limit: 7, cursor: 'abc', minSeq: 3 }],
    ['GET', '/lanes/sessions', undefined, 200, {}],
    ['GET', '/lanes/a?minSeq=12', undefined, 200, { laneId: 'a', minSeq: 12 }],
    ['DELETE', '/lanes/a', undefined, 204, { laneId: 'a' }],
    ['POST', '/lanes/a/session/start', undefined, 200, { laneId: 'a' }],
    ['POST', '/lanes/a/session/stop', '{}', 200, { laneId: 'a' }],
    ['GET', '/lanes/a/events', undefined, 200, { laneId: 'a', after: 0, limit: 100 }],
    ['GET', '/lanes/a/events?after=5&limit=9&types=lane.*,x&types=y', undefined, 200, { after: 5, limit: 9, types: ['lane.*', 'x', 'y'] }],
    ['GET', '/lanes/a/approvals', undefined, 200, { laneId: 'a' }],
    ['POST', '/lanes/a/approvals/apr_1/approve', undefined, 200, { laneId: 'a', approvalId: 'apr_1', action: 'approve', body: {} }],
    ['POST', '/lanes/a/approvals/apr_1/deny', '{"note":"no"}', 200, { action: 'deny', body: { note: 'no' } }],
    ['POST', '/codex/workflows/start-visible', '{"laneId":"a","kickoffPrompt":"go"}', 201, { body: { laneId: 'a', kickoffPrompt: 'go' } }],
    [
      'GET',
      '/lanes?status=done,failed&status=idle&projectId=p&threadId=t&q=abc&updatedSince=2026-01-01T00:00:00Z',
      undefined,
      200,
      { filter: { statuses: ['done', 'failed', 'idle'], projectId: 'p', threadId: 't', q: 'abc', updatedSince: '2026-01-01T00:00:00Z' } },
    ],
    ['POST', '/lanes/attach', '{"threadId":"t1","laneId":"a"}', 201, { body: { threadId: 't1', laneId: 'a' } }],
    ['POST', '/lanes/cleanup', '{"dryRun":false}', 200, { body: { dryRun: false } }],
    ['POST', '/lanes/a/sync-from-codex', undefined, 200, { laneId: 'a' }],
    ['POST', '/codex/rpc', '{"method":"thread/list","params":{"limit":1}}', 200, { method: 'thread/list', params: { limit: 1 } }],
    ['POST', '/codex/rpc', '{"method":"model/list"}', 200, { method: 'model/list', params: {} }],
    ['GET', '/codex/app/list?forceRefetch=1', undefined, 200, { method: 'app/list', params: { forceRefetch: true } }],
    ['GET', '/codex/skills/list?cwds=/a,/b', undefined, 200, { method: 'skills/list', params: { cwds: ['/a', '/b'] } }],
    [
      'GET',
      '/codex/model/list?limit=3&includeHidden=true',
      undefined,
      200,
      { method: 'model/list', params: { limit: 3, includeHidden: true } },
    ],
    ['GET', '/codex/threads', undefined, 200, { limit: 50 }],
    [
      'GET',
      '/codex/threads?limit=200&sourceKinds=cli,exec&cursor=c',
      undefined,
      200,
      { limit: 200, sourceKinds: ['cli', 'exec'], cursor: 'c' },
    ],
    ['GET', '/codex/threads/loaded', undefined, 200, {}],
    ['GET', '/codex/threads/t1?includeTurns=true', undefined, 200, { threadId: 't1', includeTurns: true }],
    [
      'POST',
      '/codex/threads/start',
      '{"model":"m","sandbox":"read-only"}',
      201,
      { method: 'thread/start', params: { sandbox: 'read-only' } },
    ],
    ['POST', '/codex/threads/t1/fork', '{"threadId":"other","x":1}', 200, { method: 'thread/fork', params: { threadId: 't1', x: 1 } }],
    ['POST', '/codex/threads/t1/archive', undefined, 200, { method: 'thread/archive', params: { threadId: 't1' } }],
    ['POST', '/codex/threads/t1/unarchive', undefined, 200, { method: 'thread/unarchive' }],
    ['POST', '/codex/threads/t1/compact/start', undefined, 200, { method: 'thread/compact/start' }],
    ['POST', '/codex/threads/t1/compact', undefined, 200, { method: 'thread/compact/start' }],
    ['POST', '/codex/threads/t1/rollback', undefined, 200, { threadId: 't1', numTurns: 1 }],
    ['POST', '/codex/threads/t1/rollback', '{"numTurns":3}', 200, { threadId: 't1', numTurns: 3 }],
    [
      'POST',
      '/codex/threads/t1/turns/start',
      '{"input":"x","expectedTurnId":"u","effort":"low","threadId":"other"}',
      202,
      { threadId: 't1', action: 'start', input: 'x', expectedTurnId: 'u', options: { effort: 'low' } },
    ],
    ['POST', '/codex/threads/t1/turns/steer', '{"input":"x"}', 202, { action: 'steer', options: {} }],
    ['POST', '/codex/threads/t1/turns/interrupt', '{"turnId":"u"}', 202, { action: 'interrupt', turnId: 'u' }],
    ['GET', '/codex/active', undefined, 200, { windowSec: 3600 }],
    [
      'GET',
      '/codex/active?windowSec=9&source=vscode&sourceKinds=cli&surface=mac-app&originator=a&preferOriginator=Codex%20Desktop&preferredSurface=any',
      undefined,
      200,
      {
        windowSec: 9,
        source: 'vscode',
        sourceKinds: ['cli'],
        surface: 'mac-app',
        originator: 'a',
        preferOriginator: 'Codex Desktop',
        preferredSurface: 'any',
      },
    ],
    ['GET', '/codex/running?windowSec=60', undefined, 200, { windowSec: 60 }],
    ['GET', '/watch/status', undefined, 200, {}],
    ['POST', '/watch/start', '{"intervalSec":15}', 200, { intervalSec: 15 }],
    ['POST', '/watch/stop', undefined, 200, {}],
    ['POST', '/watch/tick', '{}', 200, {}],
    ['POST', '/debug/request-approval', '{"laneId":"a","source":"app-server"}', 201, { body: { laneId: 'a', source: 'app-server' } }],
    ['POST', '/debug/complete', '{"laneId":"a","note":"n"}', 200, { body: { laneId: 'a', note: 'n' } }],
    ['POST', '/debug/reconcile-stale', '{}', 200, { body: {} }],
    ['GET', '/webhooks', undefined, 200, {}],
    ['POST', '/webhooks', '{"url":"https://x.example","events":["*"]}', 201, { body: { url: 'https://x.example', events: ['*'] } }],
    ['GET', '/webhooks/wh_1', undefined, 200, { id: 'wh_1' }],
    ['PATCH', '/webhooks/wh_1', '{"enabled":false}', 200, { id: 'wh_1', body: { enabled: false } }],
    ['DELETE', '/webhooks/wh_1', undefined, 204, { id: 'wh_1' }],
    ['POST', '/webhooks/wh_1/test', undefined, 202, { id: 'wh_1' }],
  ])('%s %s %s → %i', async (method, path, body, status, request) => {
    const response = await send(method, path, body)
    expect(response.status).toBe(status)
    expect(services.requests.at(-1)).toMatchObject(request)
    if (method !== 'GET' && !/^\/(watch|debug\/reconcile)/.test(path))
      expect(services.requests.at(-1)).toMatchObject({ commandId: response.headers['x-command-id'] })
    if (status === 204) expect(response.text).toBe('')
  })

  it('returns errors of services with the request id', async () => {
    const { status, body, headers } = await send('GET', '/lanes/a/session/status', undefined, { 'x-request-id': 'mine-1' })
    expect([status, body.error, body.requestId, headers['x-request-id']]).toEqual([404, 'lane_not_found', 'mine-1', 'mine-1'])
  })

  it('generates a request id if the given one is not safe to log', async () => {
    const { headers } = await send('GET', '/lanes', undefined, { 'x-request-id': 'a b"c' })
    expect(headers['x-request-id']).toMatch(/^req_/)
  })

  it('uses the idempotency key as command id and rejects a malformed one', async () => {
    await send('DELETE', '/lanes/a', undefined, { 'idempotency-key': 'key-1' })
    expect(services.requests.at(-1)).toMatchObject({ commandId: 'key-1' })
    for (const key of ['a b', 'x'.repeat(129), '']) {
      const { status, body } = await send('DELETE', '/lanes/a', undefined, { 'idempotency-key': key })
      expect([status, body.error]).toEqual([400, 'idempotency_key_invalid'])
    }
  })

  it('serves Swagger UI without references to other hosts', async () => {
    const page = await gateway.http.get('/openapi')
    expect(page.status).toBe(200)
    const addresses = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address ?? '')
    expect(addresses).toHaveLength(4)
    for (const address of addresses) {
      const { status, text } = await gateway.http.get<string>(address)
      expect([address, status]).toEqual([expect.stringMatching(/^\/openapi\/assets\//), 200])
      expect(text.length).toBeGreaterThan(500)
    }
    expect(page.text.replaceAll('http://www.w3.org/', '')).not.toMatch(/https?:\/\//)
    expect(page.headers['content-security-policy']).toMatch(/default-src 'none'; script-src 'self' 'sha256-/)
    expect((await gateway.http.get('/openapi/assets/package.json')).status).toBe(404)
    expect((await gateway.http.raw('GET', '/openapi/assets/..%2fpackage.json')).status).toBe(404)
  })
})
