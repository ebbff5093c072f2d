import { connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type ApiClient, api } from '../src/http/http-client.ts'
import { rawSocket } from '../src/http/raw-socket.ts'
import { waitFor } from '../src/wait-for.ts'
import { closeAfterHeaders, delay, drip, hang, huge, ok, redirect, reset, status } from '../src/webhooks/webhook-behaviour.ts'
import { startWebhookReceiver, type WebhookReceiver } from '../src/webhooks/webhook-receiver.ts'

let receiver: WebhookReceiver
let client: ApiClient

beforeEach(async () => {
  receiver = await startWebhookReceiver()
  client = api(receiver.url(''))
})

afterEach(async () => {
  client.close()
  await receiver.close()
})

test('logs the exact request and answers ok without a script', async () => {
  const reply = await client.raw('POST', '/hook?a=1?b', {
    headers: { 'Webhook-Id': 'sub:evt', 'content-type': 'application/json' },
    body: '{"a" : 1}',
  })
  expect(reply).toMatchObject({ status: 200, body: { ok: true } })
  const [request] = await receiver.waitForRequests(1)
  expect(request).toMatchObject({ index: 0, method: 'POST', path: '/hook', query: 'a=1?b', json: { a: 1 } })
  expect(request?.rawBody.toString()).toBe('{"a" : 1}')
  expect(request?.headers['webhook-id']).toBe('sub:evt')
  expect(request?.rawHeaders).toContain('Webhook-Id')
  await waitFor(() => request?.outcome === 'answered', { describe: 'the end of the answer' })
})

test('a list is used once per path, then ok; a behaviour stays; a choice sees the number', async () => {
  receiver.on('/list', [status(503, { 'retry-after': '2' }), status(410)])
  receiver.on('/always', status(500, {}, 'no'))
  receiver.on('/choice', { choose: (_request, nth) => (nth % 2 === 0 ? status(429) : ok) })
  const statuses = async (path: string): Promise<number[]> => {
    const seen: number[] = []
    for (let n = 0; n < 4; n += 1) {
      seen.push((await client.post(path, {})).status)
    }
    return seen
  }
  expect(await statuses('/list')).toEqual([503, 410, 200, 200])
  expect(await statuses('/always')).toEqual([500, 500, 500, 500])
  expect(await statuses('/choice')).toEqual([429, 200, 429, 200])
  expect(receiver.requestsTo('/list')).toHaveLength(4)
  receiver.on('/list', [status(503)])
  const again = await client.post('/list', {})
  expect(again.status).toBe(503)
  expect(receiver.connections).toBe(1)
  expect(new Set(receiver.requests.map((request) => request.connection))).toEqual(new Set([0]))
})

test('a reset and a close after the headers are errors for the sender', async () => {
  receiver.on('/reset', reset).on('/half', closeAfterHeaders())
  await expect(client.post('/reset', {})).rejects.toMatchObject({ code: 'ECONNRESET' })
  await expect(client.post('/half', {})).rejects.toThrow('aborted')
  expect(receiver.requests.map((request) => request.outcome)).toEqual(['broken', 'broken'])
})

test('hang and drip last until the sender gives up, which is recorded', async () => {
  receiver.on('/hang', hang).on('/drip', drip({ intervalMs: 10 }))
  await expect(client.raw('POST', '/hang', { timeoutMs: 80 })).rejects.toThrow()
  const sentAt = performance.now()
  await expect(client.raw('POST', '/drip', { timeoutMs: 120 })).rejects.toThrow()
  await waitFor(() => receiver.inFlight === 0, { describe: 'both to end' })
  expect(receiver.requests.map((request) => request.outcome)).toEqual(['abandoned', 'abandoned'])
  const { endedAt = 0, responseBytes } = receiver.requests[1] ?? {}
  expect(responseBytes).toBeGreaterThan(1)
  // From the sending on: a busy machine may receive late, but it cannot end before the sender's deadline.
  expect(endedAt - sentAt).toBeGreaterThan(115)
})

test('delay, a finite drip, a huge body and a redirect arrive as scripted', async () => {
  receiver
    .on('/delay', delay(60, status(202)))
    .on('/drip', drip({ bytes: 3, intervalMs: 2 }))
    .on('/huge', huge(3_000_000))
    .on('/redirect', redirect('http://169.254.169.254/', 307))
  const start = performance.now()
  expect((await client.post('/delay', {})).status).toBe(202)
  expect(performance.now() - start).toBeGreaterThan(55)
  expect((await client.post('/drip', {})).text).toBe('...')
  expect((await client.post('/huge', {})).text).toHaveLength(3_000_000)
  expect((await client.post('/redirect', {})).headers.location).toBe('http://169.254.169.254/')
})

test('a huge body waits for a sender that does not read', async () => {
  receiver.on('/huge', huge(1_000_000_000))
  const sender = connect(receiver.port, '127.0.0.1').pause()
  sender.write('POST /huge HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n')
  const [request] = await receiver.waitForRequests(1)
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(request?.responseBytes).toBeLessThan(50_000_000)
  sender.destroy()
  await waitFor(() => request?.outcome === 'abandoned', { describe: 'the receiver to stop' })
})

test('waiting counts matching requests and reports what came instead', async () => {
  const waiting = receiver.waitForRequests(2, (request) => request.path === '/b')
  await Promise.all([client.post('/a', {}), client.post('/b', { n: 1 }), client.post('/b', { n: 2 })])
  expect((await waiting).map((request) => request.path)).toEqual(['/b', '/b'])
  await expect(receiver.waitForRequests(1, (request) => request.path === '/c', 30)).rejects.toThrow(
    /0 of 1 matched, 3 arrived, last: #0 POST/,
  )
  expect(receiver.peakInFlight).toBeGreaterThanOrEqual(1)
})

test('close disconnects hanging senders, and the endpoint can be reopened on its port', async () => {
  receiver.on('/hang', hang)
  const hanging = client.post('/hang', {}).catch((error: NodeJS.ErrnoException) => error.code)
  await receiver.waitForRequests(1)
  await receiver.close()
  expect(await hanging).toBe('ECONNRESET')
  await expect(client.post('/', {})).rejects.toThrow('ECONNREFUSED')
  receiver = await startWebhookReceiver({ port: receiver.port })
  expect((await client.post('/', {})).status).toBe(200)
})

test('a sender that hangs up inside its body is not logged', async () => {
  await rawSocket(receiver.port, 'POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc', { timeoutMs: 60 })
  await client.post('/y', {})
  expect(receiver.requests.map((request) => request.path)).toEqual(['/y'])
})
