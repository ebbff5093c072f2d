import { request as httpRequest } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MODEL_FAILURES, type ScriptedModel, startScriptedModel } from './index.ts'

let model: ScriptedModel
beforeEach(async () => {
  model = await startScriptedModel()
})
afterEach(() => model.close())

const user = (text: string) => ({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] })

const ask = (body: unknown, turnId = 'turn-1', signal?: AbortSignal): Promise<Response> =>
  fetch(`${model.baseUrl}/responses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'thread-id': 'T1', 'x-codex-turn-metadata': JSON.stringify({ turn_id: turnId }) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal ? { signal } : {}),
  })

const events = async (response: Response): Promise<Record<string, never>[]> =>
  [...(await response.text()).matchAll(/^event: (\S+)\ndata: (.*)\n$/gm)].map(([, name, data]) => {
    const event = JSON.parse(data ?? '') as Record<string, never>
    expect(event['type']).toBe(name)
    return event
  })

describe('scripted model', () => {
  it('streams a text as deltas between created and completed', async () => {
    const response = await ask({ model: 'gpt-5.5', input: [user('<environment_context>x</environment_context>'), user('hi there')] })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const seen = await events(response)
    expect(seen.map(({ type }) => type)).toEqual([
      'response.created',
      'response.output_item.added',
      ...Array.from({ length: 4 }, () => 'response.output_text.delta'),
      'response.output_item.done',
      'response.completed',
    ])
    expect(seen.map((event) => event['delta'] ?? '').join('')).toBe('reply to hi there')
    expect(model.requests).toMatchObject([{ threadId: 'T1', turnId: 'turn-1', model: 'gpt-5.5', prompt: 'hi there', isCompaction: false }])
  })

  it('gives the same answer to the same request', async () => {
    const body = {
      input: [user('#run a\n#+patch f x')],
      tools: [
        { type: 'function', name: 'exec_command' },
        { type: 'custom', name: 'apply_patch' },
      ],
    }
    const items = async () => (await events(await ask(body))).map((event) => event['item']).filter(Boolean)
    const first = await items()
    expect(first).toMatchObject([
      { type: 'function_call', name: 'exec_command', arguments: '{"cmd":"a"}' },
      { type: 'custom_tool_call', name: 'apply_patch', input: '*** Begin Patch\n*** Add File: f\n+x\n*** End Patch\n' },
    ])
    expect(await items()).toEqual(first)
  })

  it('reports a tool that codex does not offer', async () => {
    const seen = await events(await ask({ input: [user('#ask-user x')], tools: [{ type: 'function', name: 'other' }] }))
    expect(seen.map((event) => event['delta'] ?? '').join('')).toMatch(/offers no such tool/)
  })

  it('splits a long text into a bounded number of deltas', async () => {
    const text = 'word '.repeat(20_000).trim()
    const seen = await events(await ask({ input: [user(`#say ${text}`)] }))
    const deltas = seen.filter(({ type }) => type === 'response.output_text.delta')
    expect(deltas.length).toBeLessThanOrEqual(400)
    expect(deltas.map((event) => event['delta']).join('')).toBe(text)
  })

  it("summarises for a compaction without moving the turn's script", async () => {
    await ask({ input: [user('#run a\n#say b')] })
    const summary = await events(
      await ask({ input: [user('#run a\n#say b'), user('You are performing a CONTEXT CHECKPOINT COMPACTION. Go.')] }),
    )
    expect(summary.map((event) => event['delta'] ?? '').join('')).toMatch(/^Summary: 1 /)
    expect(model.requests.at(-1)).toMatchObject({ isCompaction: true })
  })

  it('follows rules set by a test, the last one first, until they are removed', async () => {
    model.on(() => true, [{ kind: 'say', text: 'first' }])
    const remove = model.on(
      ({ prompt }) => prompt.includes('x'),
      ({ prompt }) => [{ kind: 'say', text: `rule for ${prompt}` }],
    )
    const say = async (prompt: string, turn: string) =>
      (await events(await ask({ input: [user(prompt)] }, turn))).map((event) => event['delta'] ?? '').join('')
    expect(await say('x', 'a')).toBe('rule for x')
    expect(await say('y', 'b')).toBe('first')
    remove()
    expect(await say('x', 'c')).toBe('first')
  })

  it('paces its deltas', async () => {
    model.paceMs = 30
    const started = performance.now()
    await (await ask({ input: [user('#say a b c d')] })).text()
    expect(performance.now() - started).toBeGreaterThanOrEqual(100)
  })

  it.each(MODEL_FAILURES)('fails as told: %s', async (failure) => {
    const expected: Record<string, unknown> = { '500': 500, '429': 429, usage: 429, '503': 503, '401': 401, '400': 400 }
    const response = await ask({ input: [user(`#fail ${failure}`)] }).catch((error: unknown) => error)
    if (failure === 'cut') {
      const text = response instanceof Response ? await response.text().catch(() => 'cut') : 'cut'
      expect(text).toBe('cut')
      return
    }
    expect((response as Response).status).toBe(expected[failure] ?? 200)
    expect(await (response as Response).text()).not.toContain('response.completed')
  })

  it.each(['', 'not json', '[]', 'null', '5', '{"input":7}', '{"input":[null,5,{"type":"message","role":"user"}]}', '{"tools":[null,{}]}'])(
    'survives the body %j',
    async (body) => {
      const response = await ask(body)
      expect([200, 400]).toContain(response.status)
      await response.text()
      expect((await fetch(`${model.url}/healthz`)).status).toBe(200)
    },
  )

  it('answers 404 elsewhere', async () => {
    expect((await fetch(`${model.url}/v1/models`)).status).toBe(404)
  })

  it('forgets a client that goes away, and closes on hanging ones', async () => {
    const gone = new AbortController()
    await ask({ input: [user('#hang')] }, 'a', gone.signal)
    gone.abort()
    const hanging = (await ask({ input: [user('#say x\n#hang')] }, 'b')).text()
    const idle = httpRequest(`${model.url}/healthz`).on('error', () => undefined)
    idle.flushHeaders()
    const outcome = hanging.catch(() => 'cut')
    await model.close()
    expect(await outcome).toBe('cut')
    await model.close()
  })

  it('refuses a port that is taken', async () => {
    await expect(startScriptedModel({ port: Number(new URL(model.url).port) })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})
