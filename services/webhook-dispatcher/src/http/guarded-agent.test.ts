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
    let asked = 0
    const resolve = async () => answers[Math.min(asked++, answers.length - 1)] ?? []
    const agent = createAgent({ allowed, timeoutMs: 1000, resolve })
    const results: AttemptResult[] = []
    for (let index = 0; index < times; index += 1) {
      results.push(
        await post(`http://${host}:${receiver.port}/`, {}, body, { agent, allowed, timeoutMs: 1000, breakOff: new AbortController() }),
      )
    }
    await agent.destroy()
    return { results, asked }
  }

  it('goes to the address that was checked', async () => {
    const { results } = await send([[v4('127.0.0.1')]], '127.0.0.0/8')
    expect(results).toEqual([{ kind: 'answered', status: 200, retryAfter: undefined }])
    expect(receiver.requests[0]?.headers.host).toBe(`hook.example:${receiver.port}`)
  })

  it('is not made to a private address behind a name', async () => {
    expect((await send([[v4('127.0.0.1')]])).results).toEqual([{ kind: 'unreachable' }])
    expect(receiver.connections).toBe(0)
  })

  it('is not made when one of several addresses is private', async () => {
    expect((await send([[v4('93.184.216.34'), v4('127.0.0.1')]])).results).toEqual([{ kind: 'unreachable' }])
    expect(receiver.connections).toBe(0)
  })

  it('is not made after the name was bound to a private address', async () => {
    // The public address is one of the allowed network here, so that the first delivery has somewhere to go.
    const { results, asked } = await send([[v4('127.0.0.1')], [v4('127.0.0.2')]], '127.0.0.1/32')
    expect(results[0]).toMatchObject({ kind: 'answered' })
    expect(asked).toBe(1)
    const rebound = await send([[v4('127.0.0.2')]], '127.0.0.1/32', 2)
    expect(rebound.results).toEqual([{ kind: 'unreachable' }, { kind: 'unreachable' }])
    expect(receiver.connections).toBe(1)
  })

  it('is not made to a private literal, for which no lookup is asked', async () => {
    const { results, asked } = await send([[v4('93.184.216.34')]], '', 1, '127.0.0.1')
    expect(results).toEqual([{ kind: 'unreachable' }])
    expect(asked).toBe(0)
    expect(receiver.connections).toBe(0)
  })

  it('ignores proxies of the environment', async () => {
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
