import type { Endpoints } from '@codex-bridge/bus'
import { rawSocket } from '@codex-bridge/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGateway, refuse, serveApprovals, serveRegistry, serveWebhooks, startBroker, startGateway } from './gateway-fixture.ts'

type ErrorAnswer = { error: string; message: string; requestId: string; details?: { path: string; message: string }[] }

let broker: Awaited<ReturnType<typeof startBroker>>
let gateway: RunningGateway
const endpoints: Endpoints[] = []
/** What the stand-ins were asked, newest last. */
const asked: Record<string, unknown>[] = []

const note =
  (answer: unknown) =>
  (request: Record<string, unknown>): unknown => {
    asked.push(request)
    return answer
  }

beforeAll(async () => {
  broker = await startBroker()
  const { bus } = broker
  endpoints.push(
    await serveRegistry(bus, {
      createLane: note({ laneId: 'made' }),
      getLane: note({ laneId: 'read' }),
      listLanes: note({ lanes: [], nextCursor: null }),
      listSessions: note({ sessions: [], nextCursor: null }),
      deleteLane: note({}),
      startSession: note({ running: true }),
      stopSession: note({ running: false }),
      getSession: refuse('lane_not_found'),
      laneEvents: note({ events: [], nextCursor: null }),
      startVisible: note({}),
      attach: note({ laneId: 'made' }),
      syncLane: note({ laneId: 'a' }),
      cleanup: note({ dryRun: true, matched: 0, deleted: 0, lanes: [] }),
      rpc: note({ data: [] }),
      getThread: note({ id: 't1' }),
      loadedThreads: note({ threads: [], nextCursor: null }),
      listThreads: note({ threads: [], nextCursor: null }),
      activeThreads: note({ threads: [], scanned: 0, nextCursor: null }),
      rollbackThread: note({ droppedTurns: 1 }),
      turnOnThread: note({ turnId: 'u1' }),
      debugComplete: note({ laneId: 'a' }),
      debugReconcile: note({ checked: 0 }),
      watchStatus: note({ running: false }),
      watchStart: note({ running: true }),
      watchStop: note({ running: false }),
      watchTick: note({ running: false }),
      runningCodex: note({ mode: 'inferred' }),
    }),
    await serveApprovals(bus, {
      request: note({ approvalId: 'apr_1' }),
      list: note({ approvals: [], nextCursor: null }),
      decide: note({ approvalId: 'apr_1' }),
    }),
    await serveWebhooks(bus, {
      list: note({ webhooks: [], nextCursor: null }),
      create: note({ id: 'wh_1' }),
      get: note({ id: 'wh_1' }),
      patch: note({ id: 'wh_1' }),
      delete: note({}),
      test: note({ eventId: 'evt_1' }),
    }),
  )
  gateway = await startGateway(broker.nats.url, { BRIDGE_ALLOWED_ORIGINS: 'https://board.example', BRIDGE_MAX_BODY_BYTES: '2000000' })
}, 30_000)
afterAll(async () => {
  await gateway?.stop()
  await Promise.all(endpoints.map((endpoint) => endpoint.stop()))
  await broker?.stop()
})

const JSON_HEADERS = { 'content-type': 'application/json' }
const send = (method: string, path: string, body?: string | Buffer, headers: Record<string, string> = {}) =>
  gateway.http.raw<ErrorAnswer>(method, path, { headers: { ...JSON_HEADERS, ...headers }, ...(body !== undefined && { body }) })

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
    const answer = await send(method, path, body)
    expect(answer.status).toBe(status)
    expect(asked.at(-1)).toMatchObject(request)
    if (method !== 'GET' && !/^\/(watch|debug\/reconcile)/.test(path))
      expect(asked.at(-1)).toMatchObject({ commandId: answer.headers['x-command-id'] })
    if (status === 204) expect(answer.text).toBe('')
  })

  it('hands errors of services on, with the request id', async () => {
    const { status, body, headers } = await send('GET', '/lanes/a/session/status', undefined, { 'x-request-id': 'mine-1' })
    expect([status, body.error, body.requestId, headers['x-request-id']]).toEqual([404, 'lane_not_found', 'mine-1', 'mine-1'])
  })

  it('makes a request id of its own where the given one is not fit for a log', async () => {
    const { headers } = await send('GET', '/lanes', undefined, { 'x-request-id': 'a b"c' })
    expect(headers['x-request-id']).toMatch(/^req_/)
  })

  it('passes an idempotency key on and refuses a bad one', async () => {
    await send('DELETE', '/lanes/a', undefined, { 'idempotency-key': 'key-1' })
    expect(asked.at(-1)).toMatchObject({ commandId: 'key-1' })
    for (const key of ['a b', 'x'.repeat(129), '']) {
      const { status, body } = await send('DELETE', '/lanes/a', undefined, { 'idempotency-key': key })
      expect([status, body.error]).toEqual([400, 'idempotency_key_invalid'])
    }
  })

  it('describes a page without a foreign address on it', async () => {
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

describe('hostile input', () => {
  const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  it.each([
    ['a lane id with a space', 'GET', '/lanes/a%20b', undefined, 400, 'validation_error'],
    ['a lane id with a dot', 'GET', '/lanes/a.b', undefined, 400, 'validation_error'],
    ['a lane id with CRLF', 'GET', '/lanes/a%0d%0aPUB%20x', undefined, 400, 'validation_error'],
    ['a lane id with a wildcard', 'POST', '/lanes/%3e/session/start', undefined, 400, 'validation_error'],
    ['a lane id that is too long', 'GET', `/lanes/${'x'.repeat(65)}`, undefined, 400, 'validation_error'],
    ['a lane id with NUL', 'GET', '/lanes/a%00', undefined, 400, 'validation_error'],
    ['a lane id with a slash', 'DELETE', '/lanes/a%2fb', undefined, 400, 'validation_error'],
    ['a lane id in emoji', 'GET', '/lanes/%F0%9F%98%80', undefined, 400, 'validation_error'],
    ['percent garbage', 'GET', '/lanes/%zz', undefined, 400, 'validation_error'],
    ['half a character', 'GET', '/lanes/%c3', undefined, 400, 'validation_error'],
    ['a lane id that is a path', 'POST', '/lanes', '{"laneId":"sessions"}', 400, 'validation_error'],
    ['a lane id that is a path too', 'POST', '/lanes/attach', '{"laneId":"attach","threadId":"t"}', 400, 'validation_error'],
    ['another lane id that is a path', 'POST', '/codex/workflows/start-visible', '{"laneId":"cleanup"}', 400, 'validation_error'],
    ['a thread id with a space', 'GET', '/codex/threads/a%20b', undefined, 400, 'validation_error'],
    ['a thread id that climbs', 'POST', '/codex/threads/%2e%2e%2fx/fork', undefined, 400, 'validation_error'],
    ['too many threads', 'GET', '/codex/threads?limit=201', undefined, 400, 'validation_error'],
    ['a source kind nobody knows', 'GET', '/codex/threads?sourceKinds=cli,fax', undefined, 400, 'validation_error'],
    ['a status nobody has', 'GET', '/lanes?status=done,asleep', undefined, 400, 'validation_error'],
    ['a time that is none', 'GET', '/lanes?updatedSince=yesterday', undefined, 400, 'validation_error'],
    ['a start without input', 'POST', '/codex/threads/t1/turns/start', '{}', 400, 'validation_error'],
    ['a rollback of nothing', 'POST', '/codex/threads/t1/rollback', '{"numTurns":0}', 400, 'validation_error'],
    ['params that are a list', 'POST', '/codex/rpc', '{"method":"thread/list","params":[]}', 400, 'validation_error'],
    ['a number that is none', 'GET', '/lanes?limit=1e2', undefined, 400, 'validation_error'],
    ['a number over the limit', 'GET', '/lanes?limit=201', undefined, 400, 'validation_error'],
    ['a negative number', 'GET', '/lanes/a/events?after=-1', undefined, 400, 'validation_error'],
    ['a bad pattern', 'GET', '/lanes/a/events?types=lane.**', undefined, 400, 'validation_error'],
    ['a cursor without end', 'GET', `/lanes?cursor=${'x'.repeat(600)}`, undefined, 400, 'validation_error'],
    ['an unknown field', 'POST', '/lanes', '{"evil":1}', 400, 'validation_error'],
    ['a relative path', 'POST', '/lanes', '{"repoRoot":"x"}', 400, 'validation_error'],
    ['a body for a route without one', 'POST', '/lanes/a/session/start', '{"x":1}', 400, 'validation_error'],
    ['an empty prompt', 'POST', '/lanes/a/prompt', '{"input":"  "}', 400, 'validation_error'],
    ['no prompt', 'POST', '/lanes/a/prompt', undefined, 400, 'validation_error'],
    ['an array', 'POST', '/lanes', '[]', 400, 'validation_error'],
    ['a string', 'POST', '/lanes', '"x"', 400, 'validation_error'],
    ['null', 'POST', '/lanes', 'null', 400, 'validation_error'],
    ['__proto__', 'POST', '/lanes', '{"__proto__":{"laneId":"x"}}', 400, 'invalid_json'],
    ['constructor.prototype', 'POST', '/lanes', '{"constructor":{"prototype":{"x":1}}}', 400, 'validation_error'],
    ['deep nesting', 'POST', '/lanes', deep(100_000), 400, 'validation_error'],
    [
      'deep nesting where anything goes',
      'POST',
      '/lanes/a/approvals/apr_1/approve',
      `{"content":{"x":${deep(5000)}}}`,
      400,
      'validation_error',
    ],
    ['half a document', 'POST', '/lanes', '{"laneId":', 400, 'invalid_json'],
    ['no document', 'POST', '/lanes', 'hello', 400, 'invalid_json'],
    ['bytes that are not UTF-8', 'POST', '/lanes/a/prompt', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400, 'invalid_json'],
    ['a character cut at the end', 'POST', '/lanes', Buffer.from([0x7b, 0x7d, 0xe2, 0x82]), 400, 'invalid_json'],
    ['a body over the limit', 'POST', '/lanes', JSON.stringify({ title: 'x'.repeat(2_100_000) }), 413, 'body_too_large'],
    ['an approval nobody can have made', 'GET', '/lanes/a/approvals/x', undefined, 404, 'route_not_found'],
    ['a webhook id that is none', 'GET', '/webhooks/..%2f', undefined, 404, 'webhook_not_found'],
    ['an unknown path', 'GET', '/lanes/a/b/c/d', undefined, 404, 'route_not_found'],
    ['another case', 'GET', '/Lanes', undefined, 404, 'route_not_found'],
    ['the wrong method', 'PUT', '/lanes', undefined, 405, 'method_not_allowed'],
    ['a method from elsewhere', 'PROPFIND', '/lanes/a', undefined, 405, 'method_not_allowed'],
  ])('%s: %s %s', async (_what, method, path, body, status, code) => {
    const answer = await send(method, path, body)
    expect([answer.status, answer.body.error]).toEqual([status, code])
    expect(answer.body.requestId).toBe(answer.headers['x-request-id'])
    if (code === 'validation_error') expect(answer.body.details?.[0]?.path).toMatch(/^\//)
    if (status === 405) expect(answer.headers['allow']).toContain('GET')
  })

  it.each([
    ['application/json; charset=utf-8', 201],
    ['APPLICATION/JSON', 201],
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/jsonp', 415],
    ['multipart/form-data; boundary=x', 415],
    ['', 415],
  ])('a body as %j → %i', async (type, status) => {
    expect((await send('POST', '/lanes', '{}', { 'content-type': type })).status).toBe(status)
  })

  it('takes the last of duplicate keys, as JSON parsers do', async () => {
    await send('POST', '/lanes', '{"laneId":"one","laneId":"two"}')
    expect(asked.at(-1)).toMatchObject({ body: { laneId: 'two' } })
  })

  it('refuses packed bodies', async () => {
    const { status, body } = await send('POST', '/lanes', Buffer.from([0x1f, 0x8b]), { 'content-encoding': 'gzip' })
    expect([status, body.error]).toEqual([415, 'unsupported_media_type'])
  })

  it.each([
    [{ host: 'evil.example' }, 'host_forbidden'],
    [{ host: 'localhost.evil.example:8787' }, 'host_forbidden'],
    [{ origin: 'http://evil.example' }, 'origin_forbidden'],
    [{ origin: 'null' }, 'origin_forbidden'],
    [{ origin: 'http://localhost:1' }, 'origin_forbidden'],
    [{ 'sec-fetch-site': 'cross-site' }, 'origin_forbidden'],
  ])('%j is refused everywhere', async (headers, code) => {
    for (const path of ['/lanes', '/health', '/events/stream', '/openapi', '/nope']) {
      const { status, body } = await gateway.http.raw<ErrorAnswer>('GET', path, { headers })
      expect([path, status, body.error]).toEqual([path, 403, code])
    }
  })

  it('serves its own pages and listed origins', async () => {
    const own = await send('POST', '/lanes', '{}', { host: `localhost:${gateway.port}`, origin: `http://localhost:${gateway.port}` })
    expect([own.status, own.headers['access-control-allow-origin']]).toEqual([201, undefined])
    const listed = await send('POST', '/lanes', '{}', { origin: 'https://board.example', 'sec-fetch-site': 'cross-site' })
    expect([listed.status, listed.headers['access-control-allow-origin']]).toEqual([201, 'https://board.example'])
    const preflight = await send('OPTIONS', '/lanes', undefined, {
      origin: 'https://board.example',
      'access-control-request-method': 'POST',
    })
    expect([preflight.status, preflight.headers['access-control-allow-methods']]).toEqual([204, 'GET, POST, PATCH, DELETE'])
  })

  it.each([
    ['headers without end', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`, '400'],
    ['no host', 'GET /health HTTP/1.1\r\n\r\n', '403'],
    ['no HTTP', 'hello there\r\n\r\n', '400'],
    ['a bad length', 'POST /lanes HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n', '400'],
    ['two lengths', 'POST /lanes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', '400'],
    ['an absolute target', 'GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n', '200'],
    ['no path', 'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n', '404'],
    ['two slashes', 'GET //evil.example/%2e%2e HTTP/1.1\r\nHost: localhost\r\n\r\n', '404'],
    [
      'a body that breaks off',
      'POST /lanes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
      '',
    ],
  ])('survives %s', async (_what, bytes, status) => {
    const reply = await rawSocket(gateway.port, bytes, { quietMs: 400, timeoutMs: 1500 })
    expect(reply.split(' ')[1] ?? '').toBe(status)
  })

  it('is still there, and so is its bus connection', async () => {
    expect((await gateway.http.get('/lanes')).status).toBe(200)
  })
})
