import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CodexHomeOptions, codexUnderTest, createCodexHome, type ScriptedModel, startScriptedModel } from '@codex-bridge/testkit'
import { type AppServerOptions, AppServerProcess } from '../../src/app-server/app-server-process.ts'
import { resolveCodexBinary } from '../../src/binary/binary-resolver.ts'
import type { TurnStartParams } from '../../src/generated/requests.ts'
import type { CodexNotifications, CodexTurn } from '../../src/protocol/notifications.ts'
import type { ServerRequestMessage } from '../../src/rpc/rpc-peer-options.ts'

/** The notifications that tests wait for. */
type SeenNotifications = CodexNotifications & { 'item/agentMessage/delta': { delta: string } }

/** The binary pinned in this repository, or the one that the tests are run with, whatever else the machine has. */
export const binary = resolveCodexBinary({ env: codexUnderTest() }).path

export type FixtureOptions = {
  home?: Partial<CodexHomeOptions>
  server?: Partial<AppServerOptions>
}

/** A scripted model, a new home and workspace, and one app-server, with all its messages. */
export class CodexFixture implements AsyncDisposable {
  readonly model: ScriptedModel
  readonly home: string
  readonly workspace: string
  readonly server: AppServerProcess
  readonly messages: { method: string; params: unknown }[]
  readonly requests: ServerRequestMessage[]
  readonly #cleanups: (() => Promise<unknown>)[]
  readonly #waiters: Set<() => void>

  private constructor(
    parts: Pick<CodexFixture, 'model' | 'home' | 'workspace' | 'server' | 'messages' | 'requests'>,
    cleanups: (() => Promise<unknown>)[],
    waiters: Set<() => void>,
  ) {
    this.model = parts.model
    this.home = parts.home
    this.workspace = parts.workspace
    this.server = parts.server
    this.messages = parts.messages
    this.requests = parts.requests
    this.#cleanups = cleanups
    this.#waiters = waiters
  }

  static async start({ home: homeOptions, server: serverOptions }: FixtureOptions = {}): Promise<CodexFixture> {
    const model = await startScriptedModel()
    const home = await createCodexHome({ baseUrl: model.baseUrl, ...homeOptions })
    // Not under /tmp: workspace-write may always write there.
    const workspace = await mkdtemp(join('/var/tmp', 'codex-fixture-'))
    const messages: CodexFixture['messages'] = []
    const requests: ServerRequestMessage[] = []
    const waiters = new Set<() => void>()
    const wake = () => {
      for (const check of [...waiters]) {
        check()
      }
    }
    const server = await AppServerProcess.start({
      binary,
      codexHome: home.path,
      cwd: workspace,
      env: home.env,
      clientInfo: { name: 'codex-bridge-test', version: '0.0.1' },
      peer: {
        onNotification: (method, params) => {
          messages.push({ method, params })
          wake()
        },
        onRequest: (request) => {
          requests.push(request)
          wake()
        },
      },
      ...serverOptions,
    })
    const removeWorkspace = () => rm(workspace, { recursive: true, force: true })
    return new CodexFixture(
      { model, home: home.path, workspace, server, messages, requests },
      [() => server.stop(), () => model.close(), home.cleanup, removeWorkspace],
      waiters,
    )
  }

  async startThread(overrides: { sandbox?: 'read-only' | 'workspace-write' } = {}): Promise<string> {
    const { thread } = await this.server.peer.call('thread/start', { cwd: this.workspace, approvalPolicy: 'on-request', ...overrides })
    return thread.id
  }

  async startTurn(threadId: string, text: string, overrides: Partial<TurnStartParams> = {}): Promise<string> {
    const { turn } = await this.server.peer.call('turn/start', {
      threadId,
      input: [{ type: 'text', text, text_elements: [] }],
      ...overrides,
    })
    return turn.id
  }

  /** The turn with this id as its completion reports it. */
  async turnEnd(turnId: string): Promise<CodexTurn> {
    return (await this.seen('turn/completed', ({ turn }) => turn.id === turnId)).turn
  }

  async runTurn(threadId: string, text: string): Promise<CodexTurn> {
    return this.turnEnd(await this.startTurn(threadId, text))
  }

  /** The first notification, past or future, that fits. */
  seen<N extends keyof SeenNotifications>(
    method: N,
    fits: (params: SeenNotifications[N]) => boolean = () => true,
  ): Promise<SeenNotifications[N]> {
    return this.#eventually(method, () =>
      this.messages
        .filter((message) => message.method === method)
        .map(({ params }) => params as SeenNotifications[N])
        .find(fits),
    )
  }

  /** The n-th server request, counted from 0, past or future. */
  request(n: number): Promise<ServerRequestMessage> {
    return this.#eventually(`server request ${n}`, () => this.requests[n])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const cleanup of this.#cleanups) {
      await cleanup()
    }
  }

  #eventually<T>(what: string, find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = find()
        if (found !== undefined) {
          clearTimeout(timer)
          this.#waiters.delete(check)
          resolve(found)
        }
      }
      const timer = setTimeout(() => {
        this.#waiters.delete(check)
        const last = this.messages.slice(-8).map(({ method }) => method)
        reject(new Error(`${what} never came; last: ${last.join(', ')}`))
      }, 10_000)
      this.#waiters.add(check)
      check()
    })
  }
}
