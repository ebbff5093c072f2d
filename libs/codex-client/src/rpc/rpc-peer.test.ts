import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { RpcClosedError, RpcError, RpcTimeoutError } from './rpc-errors.ts'
import { RpcPeer } from './rpc-peer.ts'
import type { RpcPeerOptions } from './rpc-peer-options.ts'

type Sent = {
  id?: number
  method?: string
  params?: unknown
  result?: unknown
  error?: unknown
}

const connect = (options: Partial<RpcPeerOptions> = {}) => {
  const readable = new PassThrough()
  const writable = new PassThrough()
  const sent: Sent[] = []
  writable.on('data', (chunk: Buffer) => {
    for (const line of chunk.toString().trimEnd().split('\n')) {
      sent.push(JSON.parse(line) as Sent)
    }
  })
  const onProtocolError = vi.fn()
  const peer = new RpcPeer({ readable, writable, onProtocolError, random: () => 0.5, ...options })
  const receive = (...messages: unknown[]) => readable.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(''))
  return { peer, readable, writable, sent, receive, onProtocolError }
}

/** Runs pending stream events and microtasks without moving fake timers. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('requests', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('matches answers by id, in any order, and always sends params', async () => {
    const { peer, sent, receive } = connect()
    const first = peer.request('a', { x: 1 })
    const second = peer.request('b', undefined)
    await settle()
    expect(sent).toEqual([
      { id: 1, method: 'a', params: { x: 1 } },
      { id: 2, method: 'b', params: {} },
    ])
    receive({ id: 2, result: 'two' }, { error: { code: -32600, message: 'bad', data: { why: 1 } }, id: 1 })
    await expect(second).resolves.toBe('two')
    const error = await first.catch((e: unknown) => e)
    expect(error).toBeInstanceOf(RpcError)
    expect(error).toMatchObject({ code: -32600, message: 'bad', data: { why: 1 }, method: 'a' })
    expect(peer.stats.inFlight).toBe(0)
  })

  it('rejects a typed call whose answer lacks what is read of it', async () => {
    const { peer, receive } = connect()
    const call = peer.call('turn/start', { threadId: 't', input: [] })
    await settle()
    receive({ id: 1, result: { turn: null } })
    await expect(call).rejects.toMatchObject({ name: 'RpcResultError', method: 'turn/start' })
  })

  it('times out, frees the slot, and counts the late answer without an error', async () => {
    const { peer, sent, receive, onProtocolError } = connect({ maxInFlight: 1 })
    const slow = peer.request('slow', {}, { timeoutMs: 100 }).catch((e: unknown) => e)
    const next = peer.request('next', {}, { timeoutMs: 1000 })
    await vi.advanceTimersByTimeAsync(100)
    expect(await slow).toBeInstanceOf(RpcTimeoutError)
    expect(await slow).toMatchObject({ method: 'slow', sent: true })
    await settle()
    expect(sent.map(({ method }) => method)).toEqual(['slow', 'next'])
    receive({ id: 1, result: 0 }, { id: 2, result: 'ok' })
    await expect(next).resolves.toBe('ok')
    expect(peer.stats.lateResponses).toBe(1)
    expect(onProtocolError).not.toHaveBeenCalled()
  })

  it('queues in order above the limit; the deadline includes the queue', async () => {
    const { peer, sent, receive } = connect({ maxInFlight: 2 })
    const calls = ['a', 'b', 'c', 'd'].map((method, n) => peer.request(method, {}, { timeoutMs: n === 3 ? 50 : 5000 }))
    const last = calls[3]?.catch((e: unknown) => e)
    await settle()
    expect(sent.map(({ method }) => method)).toEqual(['a', 'b'])
    expect(peer.stats).toMatchObject({ inFlight: 2, queued: 2 })
    await vi.advanceTimersByTimeAsync(50)
    expect(await last).toMatchObject({ name: 'RpcTimeoutError', sent: false })
    receive({ id: 1, result: 1 }, { id: 2, result: 2 })
    await settle()
    expect(sent.map(({ method }) => method)).toEqual(['a', 'b', 'c'])
    receive({ id: 3, result: 3 })
    await expect(Promise.all(calls.slice(0, 3))).resolves.toEqual([1, 2, 3])
  })

  it('retries an overloaded request under a new id within its deadline', async () => {
    const { peer, sent, receive } = connect()
    const call = peer.request('a', {}, { timeoutMs: 1000 })
    await settle()
    receive({ id: 1, error: { code: -32001, message: 'Server overloaded; retry later.' } })
    await settle()
    expect(peer.stats.inFlight).toBe(0)
    await vi.advanceTimersByTimeAsync(50)
    await settle()
    expect(sent.map(({ id }) => id)).toEqual([1, 2])
    receive({ id: 2, result: 'ok' })
    await expect(call).resolves.toBe('ok')
  })

  it("passes the server's refusal on if a retry would be after the deadline", async () => {
    const { peer, receive } = connect()
    const call = peer.request('a', {}, { timeoutMs: 30 }).catch((e: unknown) => e)
    await settle()
    receive({ id: 1, error: { code: -32001, message: 'Server overloaded; retry later.' } })
    expect(await call).toMatchObject({ name: 'RpcError', code: -32001 })
  })

  it('stops waiting when its signal aborts', async () => {
    const { peer } = connect()
    const controller = new AbortController()
    const call = peer.request('a', {}, { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(call).rejects.toThrow('enough')
    await expect(peer.request('b', {}, { signal: controller.signal })).rejects.toThrow('enough')
    expect(peer.stats).toMatchObject({ inFlight: 0, queued: 0 })
  })

  it('rejects a request without a JSON form and continues', async () => {
    const { peer, receive } = connect()
    await expect(peer.request('a', { n: 1n })).rejects.toThrow(TypeError)
    const call = peer.request('b', {})
    receive({ id: 2, result: 1 })
    await expect(call).resolves.toBe(1)
  })

  it('rejects everything when the connection ends, and tells what had been sent', async () => {
    const { peer, readable } = connect({ maxInFlight: 1 })
    const onClose = vi.fn()
    peer.onClose(onClose)
    const calls = [peer.request('a', {}), peer.request('b', {})].map((call) => call.catch((e: unknown) => e))
    readable.end()
    const errors = await Promise.all(calls)
    expect(errors).toMatchObject([
      { name: 'RpcClosedError', method: 'a', sent: true },
      { name: 'RpcClosedError', method: 'b', sent: false },
    ])
    expect(onClose).toHaveBeenCalledTimes(1)
    await expect(peer.request('c', {})).rejects.toBeInstanceOf(RpcClosedError)
    expect(peer.notify('d')).toBe(false)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('takes no request after its writable has ended, and still reads answers', async () => {
    const { peer, writable, receive } = connect({ maxInFlight: 1 })
    const sentBefore = peer.request('a', {})
    const queued = peer.request('b', {}).catch((e: unknown) => e)
    await settle()
    writable.end()
    await expect(peer.request('c', {})).rejects.toMatchObject({ name: 'RpcClosedError', sent: false })
    receive({ id: 1, result: 'late but fine' })
    await expect(sentBefore).resolves.toBe('late but fine')
    expect(await queued).toMatchObject({ name: 'RpcClosedError', sent: false })
  })

  it('handles lines from before the end', async () => {
    const { peer, readable } = connect()
    const call = peer.request('a', {})
    readable.end('{"id":1,"result":"last line"}')
    await expect(call).resolves.toBe('last line')
  })
})

describe('order', () => {
  it('runs handlers and onResult in order of arrival; the await continues later', async () => {
    const seen: string[] = []
    const { peer, receive } = connect({ onNotification: (method, _params, emittedAtMs) => seen.push(`${method}@${emittedAtMs}`) })
    const call = peer.request('a', {}, { onResult: (result) => seen.push(`result ${String(result)}`) })
    const continued = call.then(() => seen.push('continued'))
    receive({ method: 'n1', params: {}, emittedAtMs: 1 }, { id: 1, result: 'r' }, { method: 'n2', params: {}, emittedAtMs: 2 })
    await continued
    expect(seen).toEqual(['n1@1', 'result r', 'n2@2', 'continued'])
  })
})

describe('server requests', () => {
  it('are answered explicitly, once, by their own id', async () => {
    const open: unknown[] = []
    const { peer, sent, receive } = connect({ onRequest: (request) => open.push(request.id) })
    const own = peer.request('a', {})
    receive({ id: 1, method: 'ask', params: {} }, { id: '1', method: 'ask', params: {} })
    await settle()
    expect(open).toEqual([1, '1'])
    expect(peer.respond('1', { decision: 'accept' })).toBe(true)
    expect(peer.respond('1', { decision: 'accept' })).toBe(false)
    expect(peer.respondError(1, { code: -1, message: 'no' })).toBe(true)
    expect(peer.respond(7, {})).toBe(false)
    await settle()
    expect(sent.slice(1)).toEqual([
      { id: '1', result: { decision: 'accept' } },
      { id: 1, error: { code: -1, message: 'no' } },
    ])
    receive({ id: 1, result: 'mine' })
    await expect(own).resolves.toBe('mine')
  })

  it('count as closed after the server has resolved them', async () => {
    const { peer, receive } = connect({ onRequest: () => undefined })
    receive({ id: 0, method: 'ask', params: {} })
    await settle()
    expect(peer.forgetServerRequest(0)).toBe(true)
    expect(peer.respond(0, {})).toBe(false)
  })

  it('are answered -32601 at once without a handler', async () => {
    const { sent, receive } = connect()
    receive({ id: 0, method: 'new/thing', params: {} })
    await settle()
    expect(sent).toMatchObject([{ id: 0, error: { code: -32601 } }])
  })

  it('are answered with an error when the handler throws', async () => {
    const { sent, receive, onProtocolError } = connect({
      onRequest: () => {
        throw new Error('bug')
      },
    })
    receive({ id: 0, method: 'ask', params: {} })
    await settle()
    expect(sent).toMatchObject([{ id: 0, error: { code: -32603 } }])
    expect(onProtocolError).toHaveBeenCalledWith(expect.objectContaining({ kind: 'handler_failed', detail: 'ask' }))
  })
})

describe('robustness', () => {
  it('reports unknown messages and continues', async () => {
    const { peer, readable, receive, onProtocolError } = connect()
    readable.write('garbage\n')
    receive([1], null, 5, { foo: 1 }, { id: 99, result: 1 }, { id: 'x', result: 1 }, { id: null, method: 'm' }, { id: 1 })
    const call = peer.request('a', {})
    receive({ id: 1, result: 'ok' })
    await expect(call).resolves.toBe('ok')
    expect(onProtocolError.mock.calls.map(([error]) => (error as { kind: string }).kind)).toEqual([
      'invalid_json',
      ...Array.from({ length: 4 }, () => 'unknown_message'),
      'unknown_response',
      'unknown_response',
      'unknown_message',
      'unknown_response',
    ])
    expect(peer.stats.protocolErrors).toBe(9)
  })

  it('survives throwing handlers of every kind', async () => {
    const boom = () => {
      throw new Error('bug')
    }
    const { peer, receive, readable } = connect({ onNotification: boom, onProtocolError: boom, onClose: boom })
    const others = vi.fn()
    peer.onNotification(others)
    receive({ method: 'n', params: {} })
    await settle()
    expect(others).toHaveBeenCalledWith('n', {}, undefined)
    const call = peer.request('a', {}, { onResult: boom })
    receive({ id: 1, result: 1 })
    await expect(call).resolves.toBe(1)
    readable.end()
    await settle()
    expect(peer.closed).toBe(true)
  })

  it('survives a broken pipe', async () => {
    const { peer, writable, onProtocolError } = connect()
    writable.destroy(new Error('EPIPE'))
    await settle()
    await expect(peer.request('a', {})).rejects.toBeInstanceOf(RpcClosedError)
    expect(onProtocolError).toHaveBeenCalledWith(expect.objectContaining({ kind: 'stream_error' }))
  })

  it('leaves only error listeners attached after close', () => {
    const { peer, readable } = connect()
    peer.close()
    peer.close()
    expect(['data', 'end', 'close'].map((event) => readable.listenerCount(event))).toEqual([0, 0, 0])
  })
})
