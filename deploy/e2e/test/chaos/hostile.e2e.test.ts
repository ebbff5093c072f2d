import { connectBus, EventLog } from '@codex-bridge/bus'
import type { ErrorBody, ErrorCode, Lane } from '@codex-bridge/contracts'
import { SERVICES } from '@codex-bridge/local'
import { type RawRequest, rawSocket } from '@codex-bridge/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type BridgeFixture, startBridgeFixture } from '../support/bridge-fixture.ts'
import { Lanes } from '../support/lanes-fixture.ts'
import { NOT_JSON, WRONG_SHAPES } from './hostile-bodies.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
/** Over the gateway's default limit of 2 MiB. */
const TOO_MUCH = 3 * 1024 * 1024

let fixture: BridgeFixture
let lanes: Lanes
let log: EventLog
let close: () => Promise<void>
let before: { lanes: string; lastSeq: number }

const listText = async (): Promise<string> => (await fixture.http.get<{ lanes: Lane[] }>('/lanes')).text
const stored = async () => ({ lanes: await listText(), lastSeq: (await log.extent()).lastSeq })

beforeAll(async () => {
  fixture = await startBridgeFixture()
  lanes = new Lanes(fixture)
  await lanes.start('quiet', { kickoffPrompt: '#say hello' })
  await lanes.untilStatus('quiet', 'done')
  const bus = await connectBus({
    url: fixture.bridge.natsUrl,
    role: 'observer',
    instance: 'test',
    ...fixture.bridge.credentials('observer'),
  })
  log = new EventLog(bus)
  close = () => bus.close()
})

afterAll(async () => {
  await close?.()
  await fixture?.dispose()
})

beforeEach(async () => {
  before = await stored()
})

/** After every request: nothing was stored, no service lost its connection, and the bridge still answers. */
afterEach(async () => {
  expect(await stored()).toEqual(before)
  for (const service of SERVICES) expect(fixture.bridge.logs(service), service).not.toMatch(/disconnected|unhandled|uncaught/)
  expect(fixture.bridge.logs('nats')).not.toMatch(/\[ERR\]|violation/)
  expect((await fixture.bridge.healthy()).status).toBe('ok')
  expect(fixture.said.filter((line) => / ended /.test(line))).toEqual([])
})

const send = (method: string, path: string, request: RawRequest = {}) => fixture.http.raw<ErrorBody>(method, path, request)

const refused = async (method: string, path: string, request: RawRequest, status: number, code: ErrorCode): Promise<ErrorBody> => {
  const answer = await send(method, path, request)
  expect([answer.status, answer.body?.error], `${method} ${path}: ${answer.text.slice(0, 300)}`).toEqual([status, code])
  expect(answer.body.message.length).toBeGreaterThan(0)
  expect(answer.body.requestId).toBe(answer.headers['x-request-id'])
  return answer.body
}

const json = (body: unknown): RawRequest => ({ headers: JSON_TYPE, body: typeof body === 'string' ? body : JSON.stringify(body) })

test('text that is not JSON', async () => {
  for (const body of NOT_JSON) {
    await refused('POST', '/lanes', json(body), 400, 'invalid_json')
    await refused('POST', '/lanes/quiet/prompt', json(body), 400, 'invalid_json')
  }
  const notUtf8 = Buffer.concat([Buffer.from('{"input":"'), Buffer.from([0xff, 0xfe, 0xc3]), Buffer.from('"}')])
  await refused('POST', '/lanes/quiet/prompt', { headers: JSON_TYPE, body: notUtf8 }, 400, 'invalid_json')
})

describe('a body of the wrong shape', () => {
  test.each(Object.entries(WRONG_SHAPES))('%s', async (path, bodies) => {
    for (const body of bodies) {
      const { details } = await refused('POST', path, json(body), 400, 'validation_error')
      expect(details).toEqual(expect.arrayContaining([{ path: expect.any(String), message: expect.any(String) }]))
    }
  })

  test('lists every problem', async () => {
    const { details } = await refused('POST', '/lanes', json({ laneId: 'a b', repoRoot: 'x', readinessMode: 1 }), 400, 'validation_error')
    expect((details as { path: string }[]).map(({ path }) => path)).toEqual(
      expect.arrayContaining(['/laneId', '/repoRoot', '/readinessMode']),
    )
  })

  test('with prototype pollution', async () => {
    const answer = await send('POST', '/lanes', json('{"__proto__":{"laneId":"x"},"constructor":{"prototype":{}}}'))
    expect(answer.status, answer.text).toBe(400)
  })
})

const BAD_IDS = ['a b', 'a.b', 'a*', '>', 'a>', '-a', '_a', 'é', 'a\r\nPUB x 0', 'a\n', 'a\t', 'a\u0000b', '$JS', 'x'.repeat(65)]

describe('a lane id that would break a subject', () => {
  test('in a body', async () => {
    for (const laneId of [...BAD_IDS, '.', '..', ' a', '']) {
      await refused('POST', '/lanes', json({ laneId }), 400, 'validation_error')
      await refused('POST', '/codex/workflows/start-visible', json({ laneId, kickoffPrompt: 'hello' }), 400, 'validation_error')
    }
  })

  test('in a path', async () => {
    for (const id of [...BAD_IDS, ' a'].map(encodeURIComponent)) {
      await refused('GET', `/lanes/${id}`, {}, 400, 'validation_error')
      await refused('DELETE', `/lanes/${id}`, {}, 400, 'validation_error')
      await refused('POST', `/lanes/${id}/prompt`, json({ input: 'hello' }), 400, 'validation_error')
      await refused('GET', `/lanes/${id}/session/status`, {}, 400, 'validation_error')
      await refused('GET', `/lanes/${id}/events`, {}, 400, 'validation_error')
      await refused('POST', `/lanes/${id}/approvals/apr_x/approve`, json({}), 400, 'validation_error')
    }
  })

  test('in the filter of a stream', async () => {
    for (const id of BAD_IDS.map(encodeURIComponent)) {
      await refused('GET', `/events/stream?laneId=${id}`, { headers: { accept: 'text/event-stream' } }, 400, 'validation_error')
    }
  })

  test('with invalid percent encoding', async () => {
    for (const id of ['%', '%zz', '%0', '%c3%28', '%ff', 'a%2', '%E0%A4%A']) {
      await refused('GET', `/lanes/${id}`, {}, 400, 'validation_error')
      await refused('POST', `/lanes/${id}/prompt`, json({ input: 'hello' }), 400, 'validation_error')
    }
  })
})

test('paths with traversal', async () => {
  const paths = [
    '/lanes/..%2f..%2fetc%2fpasswd',
    '/lanes/%2e%2e/webhooks',
    '//lanes',
    '/lanes/quiet/../../health/x',
    '/%00',
    '/lanes/quiet%2Fprompt',
  ]
  for (const path of paths) {
    const answer = await send('GET', path)
    expect([400, 404], `${path}: ${answer.text}`).toContain(answer.status)
    expect(['validation_error', 'route_not_found'], answer.text).toContain(answer.body.error)
  }
})

test('an unknown lane', async () => {
  const post = ['session/start', 'session/stop', 'steer', 'interrupt', 'prompt']
  for (const what of ['', '/session/status', '/events', '/approvals'])
    await refused('GET', `/lanes/nobody${what}`, {}, 404, 'lane_not_found')
  for (const what of post) {
    const body = /steer|prompt/.test(what) ? { input: 'hello' } : {}
    await refused('POST', `/lanes/nobody/${what}`, json(body), 404, 'lane_not_found')
  }
  await refused('DELETE', '/lanes/nobody', {}, 404, 'lane_not_found')
})

test.each([
  ['GET', '/nothing', 404, 'route_not_found'],
  ['PUT', '/lanes', 405, 'method_not_allowed'],
  ['GET', '/lanes/quiet/prompt', 405, 'method_not_allowed'],
  ['GET', '/lanes?limit=0', 400, 'validation_error'],
  ['GET', '/lanes?limit=1e9', 400, 'validation_error'],
  ['GET', '/lanes?cursor=garbage', 400, 'invalid_cursor'],
  ['GET', '/lanes/quiet?minSeq=-1', 400, 'validation_error'],
  ['GET', '/lanes/quiet/events?after=x', 400, 'validation_error'],
  ['GET', '/lanes/quiet/events?types=a%20b', 400, 'validation_error'],
] as const)('%s %s is %i %s', async (method, path, status, code) => {
  await refused(method, path, {}, status, code)
})

test('a body over the limit, with and without Content-Length', async () => {
  const body = JSON.stringify({ input: 'x'.repeat(TOO_MUCH) })
  await refused('POST', '/lanes/quiet/prompt', json(body), 413, 'body_too_large')
  const chunked = { ...JSON_TYPE, 'transfer-encoding': 'chunked' }
  await refused('POST', '/lanes/quiet/prompt', { headers: chunked, body }, 413, 'body_too_large')
})

const WRONG_TYPES = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonx', undefined]

test('a body with another content type', async () => {
  for (const type of WRONG_TYPES) {
    await refused('POST', '/lanes', { headers: { 'content-type': type }, body: '{"laneId":"typed"}' }, 415, 'unsupported_media_type')
  }
  const packed = { ...JSON_TYPE, 'content-encoding': 'gzip' }
  await refused('POST', '/lanes', { headers: packed, body: '{"laneId":"typed"}' }, 415, 'unsupported_media_type')
})

const ELSEWHERE = [
  { origin: 'http://evil.example' },
  { origin: 'null' },
  { origin: 'http://127.0.0.1:1' },
  { 'sec-fetch-site': 'cross-site' },
]

test('a page of another origin', async () => {
  for (const headers of ELSEWHERE) {
    await refused('POST', '/lanes', { ...json({ laneId: 'foreign' }), headers: { ...JSON_TYPE, ...headers } }, 403, 'origin_forbidden')
    await refused('GET', '/events/stream', { headers: { ...headers, accept: 'text/event-stream' } }, 403, 'origin_forbidden')
  }
})

test('a Host header of another host', async () => {
  for (const host of ['evil.example', 'evil.example:8787', '127.0.0.1.evil.example', 'a b', '[::2]:1']) {
    await refused('POST', '/lanes', { ...json({ laneId: 'rebound' }), headers: { ...JSON_TYPE, host } }, 403, 'host_forbidden')
  }
  for (const line of ['Host:\r\n', '']) {
    const answer = await rawSocket(port(), `POST /lanes HTTP/1.1\r\n${line}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`)
    expect(answer).toMatch(/^HTTP\/1\.1 403 [\s\S]*"host_forbidden"/)
  }
})

test('an invalid Idempotency-Key', async () => {
  for (const key of ['with space', 'caf\u00e9', 'x'.repeat(129)]) {
    const headers = { ...JSON_TYPE, 'idempotency-key': key }
    await refused('POST', '/lanes', { headers, body: '{"laneId":"keyed"}' }, 400, 'idempotency_key_invalid')
  }
})

const port = () => Number(new URL(fixture.bridge.baseUrl).port)

describe('malformed HTTP', () => {
  test('huge headers', async () => {
    const many = Array.from({ length: 100 }, (_, n) => `x-${n}: ${'y'.repeat(1000)}`).join('\r\n')
    const answer = await rawSocket(port(), `GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n${many}\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d [\s\S]*"validation_error"/)
  })

  test('another protocol', async () => {
    const foreign = [
      '\x16\x03\x01\x02\x00',
      'PUB lane.evt.x.lane 5\r\nhello\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'GET /lanes/a b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
    ]
    for (const bytes of foreign) expect(await rawSocket(port(), bytes)).toMatch(/^HTTP\/1\.1 400 [\s\S]*"validation_error"/)
  })

  test('two lengths, and a length with chunked encoding', async () => {
    const smuggled = 'POST /lanes HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n'
    const two = await rawSocket(port(), `${smuggled}Content-Length: 2\r\nContent-Length: 20\r\n\r\n{}`)
    const both = await rawSocket(port(), `${smuggled}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`)
    expect(
      [two, both].every((answer) => answer.startsWith('HTTP/1.1 400 ')),
      `${two}\n${both}`,
    ).toBe(true)
  })

  test('a client that disconnects in the middle of its body', async () => {
    const head = 'POST /lanes HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n'
    expect(await rawSocket(port(), `${head}{"laneId":"left"`, { timeoutMs: 300 })).toBe('')
  })
})
