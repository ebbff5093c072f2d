import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connectSse, type SseClient } from '../src/sse/sse-client.ts'
import { SseRefusal } from '../src/sse/sse-connection.ts'
import { waitFor } from '../src/wait-for.ts'

let server: Server
let url: string
let answer: (request: IncomingMessage, response: ServerResponse) => void
const lastEventIds: (string | undefined)[] = []
const clients: SseClient[] = []

const open = (response: ServerResponse): ServerResponse => {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
  response.flushHeaders()
  return response
}

const frame = (id: number): string => `event: tick\ndata: ${JSON.stringify({ type: 'lane.tick', n: id, text: 'é€😀' })}\nid: ${id}\n\n`

const connect = async (options: Parameters<typeof connectSse>[1] = {}): Promise<SseClient> => {
  const client = await connectSse(url, options)
  clients.push(client)
  return client
}

beforeEach(async () => {
  server = createServer((request, response) => {
    lastEventIds.push(request.headers['last-event-id'] as string | undefined)
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  lastEventIds.length = 0
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

test('collects events in order, whatever the chunks, and counts comments', async () => {
  answer = (_request, response) => {
    open(response)
    const bytes = Buffer.from(`retry: 40\n\n: hello\n\n${frame(1)}${frame(2)}data: plain\n\n`)
    for (let at = 0; at < bytes.length; at += 3) {
      response.write(bytes.subarray(at, at + 3))
    }
  }
  const client = await connect({ headers: { 'x-test': '1' } })
  await client.waitFor((event) => event.text === 'plain')
  expect(client.events.map(({ id, event }) => [id, event])).toEqual([
    ['1', 'tick'],
    ['2', 'tick'],
    [null, 'message'],
  ])
  expect(client.events[0]?.data).toEqual({ type: 'lane.tick', n: 1, text: 'é€😀' })
  expect(client).toMatchObject({ state: 'open', comments: 1, retryMs: 40, lastEventId: '2', connections: 1 })
  expect((await client.until('tick')).id).toBe('1')
  expect((await client.until('lane.tick')).id).toBe('1')
  client.assertContiguous()
})

test('resumes with Last-Event-ID after a cut anywhere, without loss or repetition', async () => {
  const total = 400
  answer = (request, response) => {
    open(response).write('retry: 5\n\n')
    let next = Number(request.headers['last-event-id'] ?? 0) + 1
    const timer = setInterval(() => {
      for (let n = 0; n < 5 && next <= total; n += 1) {
        response.write(frame(next))
        next += 1
      }
    }, 2)
    response.once('close', () => clearInterval(timer))
  }
  const client = await connect({ reconnect: true })
  for (let cuts = 1; cuts <= 10; cuts += 1) {
    const seen = client.events.length
    await client.waitFor((event) => client.events.indexOf(event) >= seen + cuts)
    client.cut()
    await waitFor(() => client.connections > cuts, { describe: `connection ${cuts + 1}` })
  }
  await client.waitFor((event) => event.id === String(total))
  expect(client.connections).toBe(11)
  expect(client.events).toHaveLength(total)
  client.assertContiguous()
})

test('without auto-reconnect it stays down and connects again on demand', async () => {
  answer = (_request, response) => open(response).end('id: 41\n\n')
  const client = await connect({ lastEventId: '40' })
  await client.untilDown()
  expect(client.state).toBe('lost')
  await client.connect()
  await client.untilDown()
  expect(lastEventIds).toEqual(['40', '41'])
})

test('a reconnecting client outlasts a server that is down', async () => {
  answer = (_request, response) => open(response).write(`retry: 10\n\n${frame(1)}`)
  const client = await connect({ reconnect: true })
  await client.until('tick')
  const { port } = server.address() as AddressInfo
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await client.untilDown()
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect(client.state).not.toBe('open')
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  await waitFor(() => client.connections === 2, { describe: 'the second connection' })
  expect(lastEventIds.at(-1)).toBe('1')
})

test.each([
  [503, 'text/event-stream'],
  [200, 'application/json'],
  [204, 'text/event-stream'],
])('status %i with %s is a refusal, and final also for a reconnecting client', async (code, type) => {
  answer = (_request, response) => response.writeHead(code, { 'content-type': type }).end('{"error":"nope"}')
  const refusal = await connect({ reconnect: true, retryMs: 1 }).catch((error: unknown) => error)
  expect(refusal).toBeInstanceOf(SseRefusal)
  expect(refusal).toMatchObject({ status: code, body: code === 204 ? '' : '{"error":"nope"}' })
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(lastEventIds).toHaveLength(1)
})

test('a refusal at reconnect rejects waiters at once', async () => {
  answer = (_request, response) => {
    if (lastEventIds.length === 1) {
      open(response).end(frame(1))
    } else {
      response.writeHead(400, { 'content-type': 'application/json' }).end('{}')
    }
  }
  const client = await connect({ reconnect: true, retryMs: 5 })
  await expect(client.until('never', 4000)).rejects.toBeInstanceOf(SseRefusal)
  expect(client.state).toBe('refused')
})

test('a stalled client makes the server feel back-pressure', async () => {
  let written = 0
  let blocked = false
  answer = (_request, response) => {
    open(response)
    const block = `data: ${'x'.repeat(65_536)}\n\n`
    const fill = (): void => {
      while (!blocked) {
        written += 1
        blocked = !response.write(block) && response.writableLength > 8_000_000
      }
    }
    setTimeout(fill, 50)
  }
  const client = await connect()
  client.stall()
  await waitFor(() => blocked, { describe: 'a full buffer' })
  expect(client.events.length).toBeLessThan(written)
  client.resume()
  await waitFor(() => client.events.length === written, { describe: 'everything written' })
})

test('timeouts name the state and the last events', async () => {
  answer = (_request, response) => open(response).write(frame(3))
  const client = await connect()
  await client.until('tick')
  await expect(client.until('other', 30)).rejects.toThrow(/stream is open, 1 came, last:\n3 tick/)
})
