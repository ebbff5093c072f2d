import { rawSocket } from '@codex-bridge/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGateway, startBroker, startGateway } from './gateway-fixture.ts'
import { type StubServices, startStubServices } from './stub-services.ts'

type ErrorResponse = { error: string; message: string; requestId: string; details?: { path: string; message: string }[] }

let broker: Awaited<ReturnType<typeof startBroker>>
let services: StubServices
let gateway: RunningGateway

beforeAll(async () => {
  broker = await startBroker()
  services = await startStubServices(broker.bus)
  gateway = await startGateway(broker.nats.url, { BRIDGE_ALLOWED_ORIGINS: 'https://board.example', BRIDGE_MAX_BODY_BYTES: '2000000' })
}, 30_000)
afterAll(async () => {
  await gateway?.stop()
  await services?.stop()
  await broker?.stop()
})

const JSON_HEADERS = { 'content-type': 'application/json' }
const send = (method: string, path: string, body?: string | Buffer, headers: Record<string, string> = {}) =>
  gateway.http.raw<ErrorResponse>(method, path, { headers: { ...JSON_HEADERS, ...headers }, ...(body !== undefined && { body }) })

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
    ['invalid percent-encoding', 'GET', '/lanes/%zz', undefined, 400, 'validation_error'],
    ['an incomplete UTF-8 sequence', 'GET', '/lanes/%c3', undefined, 400, 'validation_error'],
    ['a reserved lane id', 'POST', '/lanes', '{"laneId":"sessions"}', 400, 'validation_error'],
    ['a reserved lane id in an attachment', 'POST', '/lanes/attach', '{"laneId":"attach","threadId":"t"}', 400, 'validation_error'],
    ['a reserved lane id in a workflow', 'POST', '/codex/workflows/start-visible', '{"laneId":"cleanup"}', 400, 'validation_error'],
    ['a thread id with a space', 'GET', '/codex/threads/a%20b', undefined, 400, 'validation_error'],
    ['a thread id with ..', 'POST', '/codex/threads/%2e%2e%2fx/fork', undefined, 400, 'validation_error'],
    ['too many threads', 'GET', '/codex/threads?limit=201', undefined, 400, 'validation_error'],
    ['an unknown source kind', 'GET', '/codex/threads?sourceKinds=cli,fax', undefined, 400, 'validation_error'],
    ['an unknown status', 'GET', '/lanes?status=done,asleep', undefined, 400, 'validation_error'],
    ['a malformed time', 'GET', '/lanes?updatedSince=yesterday', undefined, 400, 'validation_error'],
    ['a start without input', 'POST', '/codex/threads/t1/turns/start', '{}', 400, 'validation_error'],
    ['a rollback of zero turns', 'POST', '/codex/threads/t1/rollback', '{"numTurns":0}', 400, 'validation_error'],
    ['params as an array', 'POST', '/codex/rpc', '{"method":"thread/list","params":[]}', 400, 'validation_error'],
    ['a number in exponent notation', 'GET', '/lanes?limit=1e2', undefined, 400, 'validation_error'],
    ['a number over the limit', 'GET', '/lanes?limit=201', undefined, 400, 'validation_error'],
    ['a negative number', 'GET', '/lanes/a/events?after=-1', undefined, 400, 'validation_error'],
    ['a bad pattern', 'GET', '/lanes/a/events?types=lane.**', undefined, 400, 'validation_error'],
    ['a cursor that is too long', 'GET', `/lanes?cursor=${'x'.repeat(600)}`, undefined, 400, 'validation_error'],
    ['an unknown field', 'POST', '/lanes', '{"evil":1}', 400, 'validation_error'],
    ['a relative path', 'POST', '/lanes', '{"repoRoot":"x"}', 400, 'validation_error'],
    ['a body for a route that takes none', 'POST', '/lanes/a/session/start', '{"x":1}', 400, 'validation_error'],
    ['an empty prompt', 'POST', '/lanes/a/prompt', '{"input":"  "}', 400, 'validation_error'],
    ['no prompt', 'POST', '/lanes/a/prompt', undefined, 400, 'validation_error'],
    ['an array', 'POST', '/lanes', '[]', 400, 'validation_error'],
    ['a string', 'POST', '/lanes', '"x"', 400, 'validation_error'],
    ['null', 'POST', '/lanes', 'null', 400, 'validation_error'],
    ['__proto__', 'POST', '/lanes', '{"__proto__":{"laneId":"x"}}', 400, 'invalid_json'],
    ['constructor.prototype', 'POST', '/lanes', '{"constructor":{"prototype":{"x":1}}}', 400, 'validation_error'],
    ['deep nesting', 'POST', '/lanes', deep(100_000), 400, 'validation_error'],
    [
      'deep nesting in an open field',
      'POST',
      '/lanes/a/approvals/apr_1/approve',
      `{"content":{"x":${deep(5000)}}}`,
      400,
      'validation_error',
    ],
    ['truncated JSON', 'POST', '/lanes', '{"laneId":', 400, 'invalid_json'],
    ['text that is not JSON', 'POST', '/lanes', 'hello', 400, 'invalid_json'],
    ['invalid UTF-8', 'POST', '/lanes/a/prompt', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400, 'invalid_json'],
    ['a character cut off at the end', 'POST', '/lanes', Buffer.from([0x7b, 0x7d, 0xe2, 0x82]), 400, 'invalid_json'],
    ['a body over the limit', 'POST', '/lanes', JSON.stringify({ title: 'x'.repeat(2_100_000) }), 413, 'body_too_large'],
    ['an approval without an action', 'GET', '/lanes/a/approvals/x', undefined, 404, 'route_not_found'],
    ['a malformed webhook id', 'GET', '/webhooks/..%2f', undefined, 404, 'webhook_not_found'],
    ['an unknown path', 'GET', '/lanes/a/b/c/d', undefined, 404, 'route_not_found'],
    ['a path in the wrong case', 'GET', '/Lanes', undefined, 404, 'route_not_found'],
    ['the wrong method', 'PUT', '/lanes', undefined, 405, 'method_not_allowed'],
    ['an unknown method', 'PROPFIND', '/lanes/a', undefined, 405, 'method_not_allowed'],
  ])('%s: %s %s', async (_what, method, path, body, status, code) => {
    const response = await send(method, path, body)
    expect([response.status, response.body.error]).toEqual([status, code])
    expect(response.body.requestId).toBe(response.headers['x-request-id'])
    if (code === 'validation_error') expect(response.body.details?.[0]?.path).toMatch(/^\//)
    if (status === 405) expect(response.headers['allow']).toContain('GET')
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

  it('uses the last of duplicate keys, as JSON parsers do', async () => {
    await send('POST', '/lanes', '{"laneId":"one","laneId":"two"}')
    expect(services.requests.at(-1)).toMatchObject({ body: { laneId: 'two' } })
  })

  it('rejects compressed bodies', async () => {
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
  ])('%j is rejected on every path', async (headers, code) => {
    for (const path of ['/lanes', '/health', '/events/stream', '/openapi', '/nope']) {
      const { status, body } = await gateway.http.raw<ErrorResponse>('GET', path, { headers })
      expect([path, status, body.error]).toEqual([path, 403, code])
    }
  })

  it('accepts its own pages and allowed origins', async () => {
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
    ['oversized headers', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`, '400'],
    ['no host', 'GET /health HTTP/1.1\r\n\r\n', '403'],
    ['text that is not HTTP', 'hello there\r\n\r\n', '400'],
    ['a bad length', 'POST /lanes HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n', '400'],
    ['two lengths', 'POST /lanes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', '400'],
    ['an absolute target', 'GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n', '200'],
    ['no path', 'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n', '404'],
    ['two slashes', 'GET //evil.example/%2e%2e HTTP/1.1\r\nHost: localhost\r\n\r\n', '404'],
    [
      'a body that ends early',
      'POST /lanes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
      '',
    ],
  ])('survives %s', async (_what, bytes, status) => {
    const reply = await rawSocket(gateway.port, bytes, { quietMs: 400, timeoutMs: 1500 })
    expect(reply.split(' ')[1] ?? '').toBe(status)
  })

  it('still works afterwards', async () => {
    expect((await gateway.http.get('/lanes')).status).toBe(200)
  })
})
