import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { RpcPeer, resolveCodexBinary } from '@codex-bridge/codex-client'
import type { EventEnvelope, Lane, Session, WatchStatus } from '@codex-bridge/contracts'
import { type RunningBridge, startBridge } from '@codex-bridge/local'
import {
  type ApiClient,
  type ApiResponse,
  codexUnderTest,
  createCodexHome,
  createTempDir,
  documentedApi,
  startScriptedModel,
  waitFor,
} from '@codex-bridge/testkit'
import { expect } from 'vitest'
import { bridgeEnvironment, SLOW_MS } from '../support/bridge-environment.ts'

const binary = resolveCodexBinary({ env: codexUnderTest() }).path

type Body = Record<string, unknown>

/** An app-server of another program. */
export type Foreign = { pid: number; peer: RpcPeer; stop(): Promise<unknown> }

/** A whole bridge, and other programs that use the same Codex home. */
export type Takeover = {
  bridge: RunningBridge
  http: ApiClient
  codexHome: string
  workspace(name: string): string
  /** An app-server of another program on the same home, like an editor's. */
  foreign(variables?: Record<string, string>): Promise<Foreign>
  /** A running `codex exec` without sandbox. */
  exec(prompt: string, cwd: string): Promise<{ process: ChildProcess; threadId: string; over: Promise<unknown> }>
  /** A thread of a `codex exec` that has ended. */
  execThread(cwd: string): Promise<string>
  attach(body: Body): Promise<Lane>
  startVisible<T = Body>(body: Body): Promise<ApiResponse<T>>
  lane(laneId: string): Promise<Lane>
  session(laneId: string): Promise<Session>
  events(laneId: string): Promise<EventEnvelope[]>
  until(laneId: string, type: string, where?: (event: EventEnvelope) => boolean): Promise<EventEnvelope>
  tick(): Promise<WatchStatus>
  dispose(): Promise<void>
}

/** The first `thread.started` on the output of `codex exec --json`. */
const startedThread = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    let output = ''
    child.once('exit', () => reject(new Error(`codex exec made no thread: ${output.slice(-500)}`)))
    child.stderr?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      const threadId = /"thread_id":"([^"]+)"/.exec(output)?.[1]
      if (threadId !== undefined) resolve(threadId)
    })
  })

/** Starts a bridge that the test has to `dispose()`. */
export const startTakeover = async (settings: Record<string, string> = {}): Promise<Takeover> => {
  const folder = createTempDir('bridge-takeover-')
  const model = await startScriptedModel()
  const { path: codexHome } = await createCodexHome({ dir: join(folder.path, 'codex-home'), baseUrl: model.baseUrl })
  const env = bridgeEnvironment(folder.path, { BRIDGE_READINESS_RETRY_MS: '250', ...settings })
  const bridge = await startBridge({
    dataDir: join(folder.path, 'data'),
    codexHome,
    env,
    quiet: true,
  })
  const http = await documentedApi(bridge.baseUrl)
  const children: ChildProcess[] = []
  const read = async <T>(path: string): Promise<T> => {
    const answer = await http.get<T>(path)
    expect(answer.status, answer.text).toBe(200)
    return answer.body
  }
  const takeover: Takeover = {
    bridge,
    http,
    codexHome,
    workspace: (name) => {
      const path = join(folder.path, 'work', name)
      mkdirSync(path, { recursive: true })
      return path
    },
    foreign: async (variables = {}) => {
      const child = spawn(binary, ['app-server'], { cwd: folder.path, env: { ...env, ...variables, CODEX_HOME: codexHome } })
      const over = once(child, 'exit')
      children.push(child)
      child.stderr.resume()
      const peer = new RpcPeer({ readable: child.stdout, writable: child.stdin })
      const clientInfo = { name: 'codex_vscode', title: null, version: '1.0.0' }
      const capabilities = { experimentalApi: true, requestAttestation: false, optOutNotificationMethods: [] }
      await peer.call('initialize', { clientInfo, capabilities })
      peer.notify('initialized')
      const stop = async () => {
        child.stdin.end()
        await over
      }
      return { pid: child.pid ?? 0, peer, stop }
    },
    exec: async (prompt, cwd) => {
      const args = ['exec', '--json', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', '-C', cwd, prompt]
      const child = spawn(binary, args, { cwd, env: { ...env, CODEX_HOME: codexHome }, stdio: ['ignore', 'pipe', 'pipe'] })
      children.push(child)
      const over = once(child, 'exit')
      return { process: child, threadId: await startedThread(child), over }
    },
    execThread: async (cwd) => {
      const { threadId, over } = await takeover.exec('hello\n#say hello', cwd)
      await over
      return threadId
    },
    attach: async (body) => {
      const answer = await http.post<Lane>('/lanes/attach', body)
      expect(answer.status, answer.text).toBe(201)
      return answer.body
    },
    startVisible: (body) => http.post('/codex/workflows/start-visible', body),
    lane: (laneId) => read(`/lanes/${laneId}`),
    session: (laneId) => read(`/lanes/${laneId}/session/status`),
    events: async (laneId) => (await read<{ events: EventEnvelope[] }>(`/lanes/${laneId}/events?limit=1000`)).events,
    until: (laneId, type, where = () => true) => {
      const find = async () => (await takeover.events(laneId)).find((event) => event.type === type && where(event))
      return waitFor(find, { timeoutMs: SLOW_MS, intervalMs: 100, describe: `${type} on ${laneId}` })
    },
    tick: async () => {
      const answer = await http.post<WatchStatus>('/watch/tick', {})
      expect(answer.status, answer.text).toBe(200)
      expect(answer.body.errors).toEqual([])
      return answer.body
    },
    dispose: async () => {
      http.close()
      for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
      await bridge.stop()
      await model.close()
      folder.cleanup()
    },
  }
  return takeover
}

/** Runs one turn in another program. */
export const foreignTurn = async (server: Foreign, threadId: string, text: string): Promise<void> => {
  const over = new Promise<void>((resolve) => {
    server.peer.onNotification((method) => {
      if (method === 'turn/completed') resolve()
    })
  })
  await server.peer.call('turn/start', { threadId, input: [{ type: 'text', text, text_elements: [] }] })
  await over
}
