import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type BridgeOptions, type RunningBridge, startBridge } from '@codex-bridge/local'
import {
  type ApiClient,
  type CodexHomeOptions,
  createCodexHome,
  createTempDir,
  documentedApi,
  findAppServers,
  findProcesses,
  type ProcessInfo,
  readEnvironment,
  type ScriptedModel,
  startScriptedModel,
  type TempDir,
  waitFor,
} from '@codex-bridge/testkit'
import { bridgeEnvironment } from './bridge-environment.ts'

export type BridgeFixtureOptions = Pick<BridgeOptions, 'serviceEnv'> & {
  /** Milliseconds between the words of the model. */
  paceMs?: number
  codex?: Omit<CodexHomeOptions, 'baseUrl' | 'dir'>
}

/** A whole bridge: real servers, five service processes, the real codex, and a model that follows the script in the prompt. */
export class BridgeFixture {
  readonly model: ScriptedModel
  readonly codexHome: string
  readonly #folder: TempDir
  readonly #options: BridgeFixtureOptions
  #bridge: RunningBridge | undefined
  #http: ApiClient | undefined
  /** Console lines of the supervision. */
  readonly said: string[] = []

  constructor(model: ScriptedModel, folder: TempDir, codexHome: string, options: BridgeFixtureOptions) {
    this.model = model
    this.codexHome = codexHome
    this.#folder = folder
    this.#options = options
  }

  get bridge(): RunningBridge {
    if (!this.#bridge) throw new Error('the bridge is not running')
    return this.#bridge
  }

  get http(): ApiClient {
    if (!this.#http) throw new Error('the bridge is not running')
    return this.#http
  }

  /** A folder for a lane to work in. */
  workspace(name: string): string {
    const path = join(this.#folder.path, 'work', name)
    mkdirSync(path, { recursive: true })
    return path
  }

  /** Processes of a command that Codex runs for this bridge. */
  children(command: string): ProcessInfo[] {
    return findProcesses(
      ({ pid, cmdline }) => cmdline.join(' ') === command && readEnvironment(pid)?.['HOME'] === join(this.#folder.path, 'home'),
    )
  }

  async start(): Promise<void> {
    this.#bridge = await startBridge({
      dataDir: join(this.#folder.path, 'data'),
      codexHome: this.codexHome,
      env: bridgeEnvironment(this.#folder.path),
      say: (line) => this.said.push(line),
      ...(this.#options.serviceEnv && { serviceEnv: this.#options.serviceEnv }),
    })
    this.#http = await documentedApi(this.#bridge.baseUrl)
  }

  /** Stops every process of the bridge and keeps its data. @throws Error when a codex process is left */
  async stop(): Promise<void> {
    this.#http?.close()
    await this.#bridge?.stop()
    this.#bridge = undefined
    const left = await waitFor(() => findAppServers(this.codexHome).length === 0 || findAppServers(this.codexHome), { timeoutMs: 5000 })
    if (left !== true) throw new Error(`codex processes are left: ${JSON.stringify(left)}`)
  }

  /** Stops everything and removes the data. */
  async dispose(): Promise<void> {
    try {
      await this.stop()
    } finally {
      await this.model.close()
      this.#folder.cleanup()
    }
  }
}

/** Starts a bridge that the test has to `dispose()`. */
export const startBridgeFixture = async (options: BridgeFixtureOptions = {}): Promise<BridgeFixture> => {
  const folder = createTempDir('bridge-e2e-')
  const model = await startScriptedModel({ paceMs: options.paceMs ?? 0 })
  const home = await createCodexHome({ ...options.codex, dir: join(folder.path, 'codex-home'), baseUrl: model.baseUrl })
  const fixture = new BridgeFixture(model, folder, home.path, options)
  try {
    await fixture.start()
    return fixture
  } catch (error) {
    await fixture.dispose()
    throw error
  }
}
