import { mkdirSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createSandbox, type RunningBridge, startBridge } from '@codex-bridge/local'
import { type ApiClient, api, createTempDir, freePort, type TempDir } from '@codex-bridge/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { bridgeEnvironment } from '../../e2e/test/support/bridge-environment.ts'
import { runSmoke } from '../dist/run-smoke.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const RUN_MS = 150_000

const smoke = async (settings: Record<string, string>): Promise<{ code: number; said: string }> => {
  const said: string[] = []
  const env = { ...process.env, BASE_URL: '', SMOKE_TURN: '', ...settings }
  const code = await runSmoke(root, env, (line) => said.push(line))
  return { code, said: said.join('\n') }
}

/** Ids of the lanes, webhooks and threads of a bridge. */
const shown = async (http: ApiClient): Promise<string[]> => {
  const { lanes } = (await http.get<{ lanes: { laneId: string }[] }>('/lanes')).body
  const { webhooks } = (await http.get<{ webhooks: { id: string }[] }>('/webhooks')).body
  const { threads } = (await http.get<{ threads: { id: string }[] }>('/codex/threads')).body
  return [...lanes.map(({ laneId }) => laneId), ...webhooks.map(({ id }) => id), ...threads.map(({ id }) => id)].sort()
}

let folder: TempDir
const servers: Server[] = []

const listen = async (answer: (request: IncomingMessage, response: ServerResponse) => unknown): Promise<string> => {
  const server = createServer((request, response) => void answer(request, response))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

beforeAll(() => {
  folder = createTempDir('bridge-smoke-')
})
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})
afterAll(() => folder?.cleanup())

it('starts a bridge if none runs, and runs every flow on it', { timeout: RUN_MS }, async () => {
  const { code, said } = await smoke({ PORT: String(await freePort()) })
  expect(code, said).toBe(0)
  expect(said).not.toMatch(/^left out/m)
  expect(said).toMatch(/^ok {8}nothing is left: .*2 threads archived/m)
})

describe('on a bridge in use', () => {
  let bridge: RunningBridge
  let http: ApiClient

  beforeAll(async () => {
    const dataDir = join(folder.path, 'used')
    mkdirSync(dataDir)
    bridge = await startBridge({ dataDir, ...(await createSandbox(root, dataDir)), env: bridgeEnvironment(folder.path), quiet: true })
    http = api(bridge.baseUrl)
    const laneId = 'test-of-somebody'
    expect((await http.post('/lanes', { laneId })).status).toBe(201)
    expect((await http.post('/debug/complete', { laneId })).status).toBe(200)
    const body = { url: 'http://127.0.0.1:9/hook', events: ['lane.deleted'], scope: { laneId } }
    expect((await http.post('/webhooks', body)).status).toBe(201)
  }, 120_000)
  afterAll(async () => {
    http?.close()
    await bridge?.stop()
  })

  it('passes, and leaves everything as it found it', { timeout: RUN_MS }, async () => {
    const before = await shown(http)
    const { code, said } = await smoke({ BASE_URL: bridge.baseUrl })
    expect(code, said).toBe(0)
    expect(said).toMatch(/^ok {8}interrupt ends it/m)
    // Its filters would match: a lane with the name of a test, done.
    expect(said).toMatch(/^left out {2}the cleanup for real: it would delete 1 lanes of others \(test-of-somebody\)$/m)
    expect(await shown(http)).toEqual(before)
  })

  it('fails on a bridge that reports a stopped session as running, and still cleans up', {
    timeout: RUN_MS,
  }, async () => {
    const before = await shown(http)
    const liar = await listen(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const { method = 'GET', url = '/', headers } = request
      const answer = await fetch(`${bridge.baseUrl}${url}`, {
        method,
        headers: { accept: headers.accept ?? '*/*', ...(chunks.length > 0 && { 'content-type': 'application/json' }) },
        ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
      })
      const text = await answer.text()
      const lies = url.endsWith('/session/status') || url.endsWith('/session/stop')
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' })
      response.end(lies ? text.replace('"running":false', '"running":true') : text)
    })
    const { code, said } = await smoke({ BASE_URL: liar })
    expect(code, said).toBe(1)
    expect(said).toMatch(/^FAILED {4}the session stops \(\d+ ms\): found .*"running":true/m)
    expect(said).toMatch(/^ok {8}nothing is left/m)
    expect(await shown(http)).toEqual(before)
  })
})

it('names what it leaves out when Codex has no login, and passes', { timeout: RUN_MS }, async () => {
  const codexHome = join(folder.path, 'no-login')
  mkdirSync(codexHome)
  const bridge = await startBridge({
    dataDir: join(folder.path, 'without'),
    codexHome,
    env: bridgeEnvironment(folder.path),
    quiet: true,
  })
  const http = api(bridge.baseUrl)
  try {
    const { code, said } = await smoke({ BASE_URL: bridge.baseUrl, SMOKE_TURN: '1' })
    expect(code, said).toBe(0)
    expect(said).toMatch(/^left out {2}every check that needs a model: Codex has no login/m)
    expect(said).toMatch(/^left out {2}prompt, steer, interrupt: /m)
    expect(said).toMatch(/^ok {8}its session starts on that thread/m)
    expect(await shown(http)).toEqual([])
  } finally {
    http.close()
    await bridge.stop()
  }
})

it.each([
  ['text', 'Hello, this is no bridge.'],
  ['other JSON', '{"status":"ok"}'],
  ['a health report and nothing else', '{"status":"ok","services":{"gateway":{"status":"ok"}},"codex":{"appServer":"ok"}}'],
])('fails at once on a server that answers with %s', async (_what, answer) => {
  const { code, said } = await smoke({ BASE_URL: await listen((_request, response) => response.end(answer)) })
  expect(code, said).toBe(1)
  expect(said).toMatch(/^FAILED/m)
  expect(said).toMatch(/^left out {2}every other flow/m)
})
