import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { AppServerProcess, resolveCodexBinary } from '@codex-bridge/codex-client'
import type { EventEnvelope, Lane, LaneStatus } from '@codex-bridge/contracts'
import { type ProcessName, type Replicas, type RunningBridge, type ServiceName, startBridge } from '@codex-bridge/local'
import {
  type ApiClient,
  type ApiResponse,
  api,
  codexUnderTest,
  createCodexHome,
  createTempDir,
  documented,
  type ManagedProcess,
  type ScriptedModel,
  spawnProcess,
  startScriptedModel,
  type TempDir,
  TestRepository,
  waitFor,
} from '@codex-bridge/testkit'
import { expect, inject } from 'vitest'
import { bridgeEnvironment, SLOW_MS } from '../support/bridge-environment.ts'
import { ReplicaKiller } from '../support/replica-killer.ts'
import { retryingApi } from '../support/retrying-client.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** How many processes of each service the contract suite runs against, while they are killed at random; one of each, and no kills, when undefined. */
    replicas?: Replicas
  }
}

type Json = Record<string, unknown>
type Document = { paths: Record<string, Record<string, unknown>> }
type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'
export type Call = { path?: Record<string, string>; query?: Record<string, string>; body?: unknown; headers?: Record<string, string> }

/** One bridge with the real codex and a scripted model. Every answer is checked against the bridge's own document. */
export class ContractFixture {
  readonly bridge: RunningBridge
  readonly model: ScriptedModel
  readonly codexHome: string
  readonly http: ApiClient
  /** `METHOD /path/{template}` of every call that succeeded. */
  readonly called = new Set<string>()
  readonly #folder: TempDir
  readonly #document: Document
  readonly #others: { stop(): Promise<unknown> }[] = []
  readonly #replicas: Replicas
  readonly #killer: ReplicaKiller | undefined

  constructor(parts: {
    bridge: RunningBridge
    http: ApiClient
    model: ScriptedModel
    codexHome: string
    folder: TempDir
    document: Document
    replicas: Replicas | undefined
  }) {
    this.bridge = parts.bridge
    this.model = parts.model
    this.codexHome = parts.codexHome
    this.#folder = parts.folder
    this.#document = parts.document
    this.#replicas = parts.replicas ?? {}
    this.http = parts.http
    this.#killer = parts.replicas && new ReplicaKiller(parts.bridge, expect.getState().testPath ?? '')
    this.#killer?.start()
  }

  /** How many processes of a service there are when none is being restarted. */
  count(service: ServiceName): number {
    return this.#replicas[service] ?? 1
  }

  /** Kills every process of a service. */
  async kill(service: ServiceName): Promise<void> {
    const names = (Object.keys(this.bridge.pids) as ProcessName[]).filter((name) => name.startsWith(service))
    await Promise.all(names.map((name) => this.bridge.kill(name)))
  }

  /** Between two tests: may kill a session-runner where there are several. */
  async disturb(): Promise<void> {
    await this.#killer?.killRunner()
  }

  /** Operations of the document that this test claims to cover and did not call with success. */
  uncalled(claimed: (operation: string) => boolean): string[] {
    const operations = Object.entries(this.#document.paths).flatMap(([path, methods]) =>
      Object.keys(methods)
        .filter((method) => method !== 'parameters')
        .map((method) => `${method.toUpperCase()} ${path}`),
    )
    return operations.filter((operation) => claimed(operation) && !this.called.has(operation))
  }

  /** Sends a request and checks status and shape of the answer. */
  async call<T = Json>(method: Method, template: string, status: number, { path = {}, query, body, headers }: Call = {}): Promise<T> {
    const filled = template.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(path[name] ?? ''))
    const url = query ? `${filled}?${new URLSearchParams(query)}` : filled
    const answer: ApiResponse<T> = await this.http.raw(method, url, {
      timeoutMs: SLOW_MS,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    expect(answer.status, `${method} ${url}: ${answer.text.slice(0, 2000)}`).toBe(status)
    if (status < 400) this.called.add(`${method} ${template}`)
    return answer.body
  }

  /** A folder for a lane to work in. */
  workspace(name: string): string {
    const path = join(this.#folder.path, 'work', name)
    mkdirSync(path, { recursive: true })
    return path
  }

  /** A git repository for lanes to work in. */
  repository(name: string): TestRepository {
    return new TestRepository(join(this.workspace(name), 'repo'))
  }

  /** Default folder of a lane's worktree. */
  worktree(laneId: string): string {
    return join(this.#folder.path, 'data', 'worktrees', laneId)
  }

  async untilStatus(laneId: string, ...statuses: LaneStatus[]): Promise<Lane> {
    const look = async () => {
      const { body } = await this.http.get<Lane>(`/lanes/${laneId}`)
      if (!statuses.includes(body.status)) throw new Error(`it is ${body.status}: ${JSON.stringify(body.statusReason)}`)
      return body
    }
    return await waitFor(look, { timeoutMs: SLOW_MS, intervalMs: 50, describe: `${laneId} to be ${statuses.join(' or ')}` })
  }

  async events(laneId: string, types = '*'): Promise<EventEnvelope[]> {
    const { body } = await this.http.get<{ events: EventEnvelope[] }>(`/lanes/${laneId}/events?limit=1000&types=${types}`)
    return body.events
  }

  async untilEvent(laneId: string, type: string, where: (event: EventEnvelope) => boolean = () => true): Promise<EventEnvelope> {
    const find = async () => (await this.events(laneId, type)).find(where)
    return await waitFor(find, { timeoutMs: SLOW_MS, intervalMs: 50, describe: `${type} on ${laneId}` })
  }

  /** `codex exec`, as a person runs it in the same home. */
  async exec(prompt: string, workspace: string): Promise<ManagedProcess> {
    return this.#own(
      await spawnProcess({
        command: resolveCodexBinary({ env: codexUnderTest() }).path,
        name: 'codex exec',
        args: ['exec', '--skip-git-repo-check', '--cd', workspace, prompt],
        env: this.#environment(),
      }),
    )
  }

  /** An app-server of another program in the same home; its name is the originator of its threads. */
  async otherClient(name: string): Promise<AppServerProcess> {
    return this.#own(
      await AppServerProcess.start({
        binary: resolveCodexBinary({ env: codexUnderTest() }).path,
        codexHome: this.codexHome,
        cwd: this.workspace('other'),
        clientInfo: { name, title: null, version: '1.0.0' },
        peer: { defaultTimeoutMs: SLOW_MS },
      }),
    )
  }

  async dispose(): Promise<void> {
    await this.#killer?.stop()
    this.http.close()
    await Promise.all(this.#others.map((other) => other.stop()))
    await this.bridge.stop()
    await this.model.close()
    this.#folder.cleanup()
  }

  #own<T extends { stop(): Promise<unknown> }>(other: T): T {
    this.#others.push(other)
    return other
  }

  #environment(): Record<string, string> {
    return { CODEX_HOME: this.codexHome, HOME: join(this.#folder.path, 'home') }
  }
}

/** Starts a bridge that the test has to `dispose()`. */
export const startContractFixture = async (): Promise<ContractFixture> => {
  const replicas = inject('replicas')
  const folder = createTempDir('bridge-contract-')
  const model = await startScriptedModel()
  const { path: codexHome } = await createCodexHome({ dir: join(folder.path, 'codex-home'), baseUrl: model.baseUrl })
  try {
    const bridge = await startBridge({
      dataDir: join(folder.path, 'data'),
      codexHome,
      env: bridgeEnvironment(folder.path),
      quiet: true,
      ...(replicas && { replicas }),
    })
    const http = await documented(replicas ? retryingApi(bridge.baseUrls) : api(bridge.baseUrl))
    const { body: document } = await http.get<Document>('/openapi/json')
    return new ContractFixture({ bridge, http, model, codexHome, folder, document, replicas })
  } catch (error) {
    await model.close()
    folder.cleanup()
    throw error
  }
}
