import { createServer } from 'node:net'
import { answer, startWebhookReceiver, type WebhookReceiver, waitFor } from '@codex-bridge/testkit'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { parseNetworks } from './address-policy.ts'
import { post } from './delivery-request.ts'
import { createAgent } from './guarded-agent.ts'

const allowed = parseNetworks('127.0.0.0/8')
const TIMEOUT_MS = 10_000
const body = Buffer.from('{"a":1}')

describe('one attempt', () => {
  let receiver: WebhookReceiver
  let attempting = false
  const agent = createAgent({ allowed, timeoutMs: TIMEOUT_MS })
  // The HTTP client keeps one timer for connections being made. Created here, it stays a real one.
  beforeAll(async () => {
    const warmUp = await startWebhookReceiver()
    await post(warmUp.url('/'), {}, body, { agent, allowed, timeoutMs: TIMEOUT_MS, abort: new AbortController() })
    await warmUp.close()
  })
  beforeEach(async () => {
    receiver = await startWebhookReceiver()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(async () => {
    vi.useRealTimers()
    await receiver.close()
  })

  const attempt = async (url = receiver.url('/hook'), abort = new AbortController()) => {
    attempting = true
    try {
      return await post(url, { 'content-type': 'application/json' }, body, { agent, allowed, timeoutMs: TIMEOUT_MS, abort })
    } finally {
      attempting = false
    }
  }

  const untilReceived = () => waitFor(() => receiver.requestsTo('/hook').length > 0)

  it('sends exactly the given bytes', async () => {
    expect(await attempt()).toEqual({ kind: 'answered', status: 200, retryAfter: undefined })
    expect(receiver.requests[0]?.rawBody.equals(body)).toBe(true)
    expect(receiver.requests[0]?.headers['content-length']).toBe('7')
  })

  it('reuses its connections', async () => {
    for (let index = 0; index < 10; index += 1) await attempt()
    // The client may open a second one while the first is being returned to the pool.
    expect(receiver.connections).toBeLessThanOrEqual(2)
  })

  it('does not follow a redirect', async () => {
    receiver.on('/hook', answer.redirect(receiver.url('/elsewhere'), 308))
    expect(await attempt()).toMatchObject({ status: 308 })
    expect(receiver.requestsTo('/elsewhere')).toEqual([])
  })

  it('reports the Retry-After of the endpoint', async () => {
    receiver.on('/hook', answer.status(429, { 'retry-after': '17' }))
    expect(await attempt()).toEqual({ kind: 'answered', status: 429, retryAfter: '17' })
  })

  const passesItsDeadline = async (pending: ReturnType<typeof attempt>) => {
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS - 1)
    expect(attempting).toBe(true)
    await vi.advanceTimersByTimeAsync(1)
    expect(await pending).toEqual({ kind: 'timeout' })
  }

  /** Passes time until the attempt is over. */
  const untilDecided = () =>
    waitFor(
      async () => {
        await vi.advanceTimersByTimeAsync(20)
        return !attempting
      },
      { intervalMs: 5 },
    )

  it.each([
    ['no answer', answer.hang],
    ['a late answer', answer.delay(2 * TIMEOUT_MS)],
  ])('ends at its deadline with %s', async (_name, behaviour) => {
    receiver.on('/hook', behaviour)
    const pending = attempt()
    await untilReceived()
    await passesItsDeadline(pending)
  })

  it.each([
    ['never ends, byte by byte', answer.drip({ intervalMs: 50 })],
    ['is cut off', answer.closeAfterHeaders(200)],
    ['is endless', answer.huge(10 * 1024 * 1024 * 1024)],
  ])('counts the status of an answer whose body %s', async (_name, behaviour) => {
    receiver.on('/hook', behaviour)
    const pending = attempt()
    await untilReceived()
    await untilDecided()
    expect(await pending).toMatchObject({ kind: 'answered', status: 200 })
    expect(receiver.requests[0]?.responseBytes ?? 0).toBeLessThan(8 * 1024 * 1024)
  })

  it('reports a reset and a closed port alike', async () => {
    receiver.on('/hook', answer.reset)
    expect(await attempt()).toEqual({ kind: 'unreachable' })
    const closed = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => closed.once('listening', resolve))
    const { port } = closed.address() as { port: number }
    await new Promise((resolve) => closed.close(resolve))
    expect(await attempt(`http://127.0.0.1:${port}/`)).toEqual({ kind: 'unreachable' })
  })

  it('ends at its deadline if the peer stays silent, and at once if it does not speak HTTP', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => silent.once('listening', resolve))
    const { port } = silent.address() as { port: number }
    const connected = new Promise((resolve) => silent.once('connection', resolve))
    vi.useRealTimers()
    const short = { agent: createAgent({ allowed, timeoutMs: 200 }), allowed, timeoutMs: 200, abort: new AbortController() }
    const pending = post(`https://127.0.0.1:${port}/`, {}, body, short)
    await connected
    expect(await pending).toEqual({ kind: 'timeout' })
    silent.on('connection', (socket) => socket.end('SSH-2.0-nothing\r\n'))
    expect(await attempt(`http://127.0.0.1:${port}/`)).toEqual({ kind: 'unreachable' })
    silent.close()
  })

  it('can be aborted', async () => {
    receiver.on('/hook', answer.hang)
    const abort = new AbortController()
    const pending = attempt(receiver.url('/hook'), abort)
    await untilReceived()
    abort.abort()
    expect(await pending).toEqual({ kind: 'interrupted' })
  })
})
