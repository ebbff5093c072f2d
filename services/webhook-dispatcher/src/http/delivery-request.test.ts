import { createServer } from 'node:net'
import { answer, startWebhookReceiver, type WebhookReceiver } from '@codex-bridge/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseNetworks } from './address-policy.ts'
import { post } from './delivery-request.ts'
import { createAgent } from './guarded-agent.ts'

const allowed = parseNetworks('127.0.0.0/8')
/** Long enough for a first request on a busy machine; the late answer below comes later still. */
const TIMEOUT_MS = 1000
const body = Buffer.from('{"a":1}')

describe('one attempt', () => {
  let receiver: WebhookReceiver
  const agent = createAgent({ allowed, timeoutMs: TIMEOUT_MS })
  beforeEach(async () => {
    receiver = await startWebhookReceiver()
  })
  afterEach(() => receiver.close())

  const attempt = async (url = receiver.url('/hook'), breakOff = new AbortController()) => {
    const started = performance.now()
    const result = await post(url, { 'content-type': 'application/json' }, body, { agent, allowed, timeoutMs: TIMEOUT_MS, breakOff })
    return { result, ms: performance.now() - started }
  }

  it('sends the bytes it was given', async () => {
    expect((await attempt()).result).toEqual({ kind: 'answered', status: 200, retryAfter: undefined })
    expect(receiver.requests[0]?.rawBody.equals(body)).toBe(true)
    expect(receiver.requests[0]?.headers['content-length']).toBe('7')
  })

  it('keeps its connections', async () => {
    for (let index = 0; index < 10; index += 1) await attempt()
    // The client may open a second one while the first is still being put back.
    expect(receiver.connections).toBeLessThanOrEqual(2)
  })

  it('does not follow a redirect', async () => {
    receiver.on('/hook', answer.redirect(receiver.url('/elsewhere'), 308))
    expect((await attempt()).result).toMatchObject({ status: 308 })
    expect(receiver.requestsTo('/elsewhere')).toEqual([])
  })

  it('hands on what the endpoint asks for', async () => {
    receiver.on('/hook', answer.status(429, { 'retry-after': '17' }))
    expect((await attempt()).result).toEqual({ kind: 'answered', status: 429, retryAfter: '17' })
  })

  it.each([
    ['no answer', answer.hang],
    ['a late answer', answer.delay(4000)],
  ])('ends at its deadline with %s', async (_name, behaviour) => {
    receiver.on('/hook', behaviour)
    const { result, ms } = await attempt()
    expect(result).toEqual({ kind: 'timeout' })
    expect(ms).toBeLessThan(TIMEOUT_MS + 1000)
  })

  it.each([
    ['drips for ever', answer.drip({ intervalMs: 50 })],
    ['is cut off', answer.closeAfterHeaders(200)],
    ['does not end', answer.huge(10 * 1024 * 1024 * 1024)],
  ])('counts the status of an answer whose body %s', async (_name, behaviour) => {
    receiver.on('/hook', behaviour)
    const { result, ms } = await attempt()
    expect(result).toMatchObject({ kind: 'answered', status: 200 })
    expect(ms).toBeLessThan(TIMEOUT_MS + 1500)
    expect(receiver.requests[0]?.responseBytes ?? 0).toBeLessThan(8 * 1024 * 1024)
  })

  it('says the same of a reset, of a closed port and of a name that does not exist', async () => {
    receiver.on('/hook', answer.reset)
    expect((await attempt()).result).toEqual({ kind: 'unreachable' })
    const closed = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => closed.once('listening', resolve))
    const { port } = closed.address() as { port: number }
    await new Promise((resolve) => closed.close(resolve))
    expect((await attempt(`http://127.0.0.1:${port}/`)).result).toEqual({ kind: 'unreachable' })
  })

  it('ends at its deadline when the peer accepts and says nothing, or speaks no HTTP', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => silent.once('listening', resolve))
    const { port } = silent.address() as { port: number }
    expect((await attempt(`https://127.0.0.1:${port}/`)).result).toEqual({ kind: 'timeout' })
    silent.on('connection', (socket) => socket.end('SSH-2.0-nothing\r\n'))
    expect((await attempt(`http://127.0.0.1:${port}/`)).result).toEqual({ kind: 'unreachable' })
    silent.close()
  })

  it('can be broken off', async () => {
    receiver.on('/hook', answer.hang)
    const breakOff = new AbortController()
    setTimeout(() => breakOff.abort(), 50)
    const { result, ms } = await attempt(receiver.url('/hook'), breakOff)
    expect(result).toEqual({ kind: 'interrupted' })
    expect(ms).toBeLessThan(TIMEOUT_MS)
  })
})
