import { startWebhookReceiver, type WebhookReceiver } from '@codex-bridge/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AttemptResult } from '../delivery/outcome.ts'
import { parseNetworks } from './address-policy.ts'
import { post } from './delivery-request.ts'
import { createAgent, type ResolvedAddress } from './guarded-agent.ts'

const v4 = (address: string): ResolvedAddress => ({ address, family: 4 })
const body = Buffer.from('{}')

describe('a guarded connection', () => {
  let receiver: WebhookReceiver
  beforeEach(async () => {
    receiver = await startWebhookReceiver()
  })
  afterEach(() => receiver.close())

  const send = async (answers: ResolvedAddress[][], networks = '', times = 1, host = 'hook.example') => {
    const allowed = parseNetworks(networks)
    let lookups = 0
    const resolve = async () => answers[Math.min(lookups++, answers.length - 1)] ?? []
    const agent = createAgent({ allowed, timeoutMs: 1000, resolve })
    const results: AttemptResult[] = []
    for (let index = 0; index < times; index += 1) {
      results.push(
        await post(`http://${host}:${receiver.port}/`, {}, body, { agent, allowed, timeoutMs: 1000, abort: new AbortController() }),
      )
    }
    await agent.destroy()
    return { results, lookups }
  }

  it('goes to the address that was checked', async () => {
    const { results } = await send([[v4('127.0.0.1')]], '127.0.0.0/8')
    expect(results).toEqual([{ kind: 'answered', status: 200, retryAfter: undefined }])
    expect(receiver.requests[0]?.headers.host).toBe(`hook.example:${receiver.port}`)
  })

  it('is not made to a private address that a name resolves to', async () => {
    expect((await send([[v4('127.0.0.1')]])).results).toEqual([{ kind: 'unreachable' }])
    expect(receiver.connections).toBe(0)
  })

  it('is not made if one of several addresses is private', async () => {
    expect((await send([[v4('93.184.216.34'), v4('127.0.0.1')]])).results).toEqual([{ kind: 'unreachable' }])
    expect(receiver.connections).toBe(0)
  })

  it('is not made after the name was rebound to a private address', async () => {
    // The allowed network stands in for a public address, so that the first delivery arrives.
    const { results, lookups } = await send([[v4('127.0.0.1')], [v4('127.0.0.2')]], '127.0.0.1/32')
    expect(results[0]).toMatchObject({ kind: 'answered' })
    expect(lookups).toBe(1)
    const rebound = await send([[v4('127.0.0.2')]], '127.0.0.1/32', 2)
    expect(rebound.results).toEqual([{ kind: 'unreachable' }, { kind: 'unreachable' }])
    expect(receiver.connections).toBe(1)
  })

  it('is not made to a private literal, which needs no lookup', async () => {
    const { results, lookups } = await send([[v4('93.184.216.34')]], '', 1, '127.0.0.1')
    expect(results).toEqual([{ kind: 'unreachable' }])
    expect(lookups).toBe(0)
    expect(receiver.connections).toBe(0)
  })

  it('ignores proxies set in the environment', async () => {
    process.env['HTTP_PROXY'] = process.env['http_proxy'] = receiver.url()
    try {
      expect((await send([[v4('127.0.0.1')]])).results).toEqual([{ kind: 'unreachable' }])
      expect(receiver.connections).toBe(0)
    } finally {
      delete process.env['HTTP_PROXY']
      delete process.env['http_proxy']
    }
  })
})
