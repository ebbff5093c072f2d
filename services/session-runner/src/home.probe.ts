import { CodexBinaryNotFoundError, resolveCodexBinary } from '@codex-bridge/codex-client'
import { BridgeError, type RunnerInfo } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import type { AppServerLauncher } from './app-server.launcher.ts'

/** How often a home that is not fine is looked at again, in milliseconds. */
const RETRY_MS = 30_000

type Findings = Pick<RunnerInfo, 'codexBinary' | 'codexVersion' | 'appServer' | 'login' | 'problem'>

/** Finds out, with a real app-server, whether Codex works here and whether somebody is logged in. Never reads a secret. */
export class HomeProbe {
  readonly #launcher: AppServerLauncher
  readonly #logger: Logger
  #findings: Findings = { codexBinary: null, codexVersion: null, appServer: 'probing', login: 'unknown', problem: null }
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(launcher: AppServerLauncher, logger: Logger) {
    this.#launcher = launcher
    this.#logger = logger
  }

  get findings(): Findings {
    return this.#findings
  }

  /** Probes now and, until everything is fine, again and again. */
  async start(): Promise<void> {
    this.#findings = await this.#probe()
    this.#logger.info(this.#findings, 'codex probed')
    if (this.#stopped || (this.#findings.appServer === 'ok' && this.#findings.login !== 'missing')) return
    this.#timer = setTimeout(() => void this.start(), RETRY_MS)
    this.#timer.unref()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  async #probe(): Promise<Findings> {
    const failed = (problem: string, codexBinary: Findings['codexBinary'] = null): Findings => ({
      codexBinary,
      codexVersion: null,
      appServer: 'failed',
      login: 'unknown',
      problem,
    })
    let codexBinary: NonNullable<Findings['codexBinary']>
    try {
      codexBinary = { ...resolveCodexBinary() }
    } catch (error) {
      return failed(error instanceof CodexBinaryNotFoundError ? error.message : String(error))
    }
    try {
      const server = await this.#launcher.start(this.#launcher.codexHome, {})
      try {
        const { account, requiresOpenaiAuth } = await server.peer.call('account/read', {})
        const login = account ? 'logged_in' : requiresOpenaiAuth ? 'missing' : 'not_required'
        return { codexBinary, codexVersion: server.codexVersion ?? null, appServer: 'ok', login, problem: null }
      } finally {
        await server.stop()
      }
    } catch (error) {
      return failed(BridgeError.from(error).message, codexBinary)
    }
  }
}
