import { type AppServerProcess, CodexBinaryNotFoundError, readMethods, resolveCodexBinary } from '@codex-bridge/codex-client'
import { BridgeError, missingMethodsOf, type RunnerInfo } from '@codex-bridge/contracts'
import { SingleFlight } from '@codex-bridge/platform'
import type { Logger } from '@codex-bridge/service-kit'
import type { AppServerLauncher } from './app-server-launcher.ts'

/** Pause before a home with a problem is probed again, in milliseconds. */
const RETRY_MS = 30_000

/** What a probe found out about Codex. */
export type Findings = Pick<RunnerInfo, 'codexBinary' | 'codexVersion' | 'missingMethods' | 'appServer' | 'login' | 'problem'>

const NOTHING_YET: Findings = {
  codexBinary: null,
  codexVersion: null,
  missingMethods: null,
  appServer: 'probing',
  login: 'unknown',
  problem: null,
}

/**
 * Finds out with a real app-server whether Codex works here, what it can do, and whether somebody is logged in. Never reads a
 * secret. Probes again when a process turns out to have another version, because the binary was replaced.
 */
export class CodexProbe {
  readonly #launcher: AppServerLauncher
  readonly #logger: Logger
  readonly #probing = new SingleFlight<'probe', void>()
  #findings = NOTHING_YET
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(launcher: AppServerLauncher, logger: Logger) {
    this.#launcher = launcher
    this.#logger = logger
    launcher.onVersion((version) => {
      const replaced = this.#findings.appServer === 'ok' && this.#findings.codexVersion !== (version ?? null)
      if (replaced && !this.#stopped) void this.start()
    })
  }

  get findings(): Findings {
    return this.#findings
  }

  /** Probes now, and repeats that until there is no problem. */
  start(): Promise<void> {
    return this.#probing.run('probe', () => this.#run())
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  async #run(): Promise<void> {
    clearTimeout(this.#timer)
    this.#findings = await this.#probe()
    this.#logger.info(this.#findings, 'codex probed')
    if (this.#stopped || (this.#findings.appServer === 'ok' && this.#findings.login !== 'missing')) return
    this.#timer = setTimeout(() => void this.start(), RETRY_MS)
    this.#timer.unref()
  }

  async #probe(): Promise<Findings> {
    const failed = (problem: string, codexBinary: Findings['codexBinary'] = null): Findings => ({
      ...NOTHING_YET,
      codexBinary,
      appServer: 'failed',
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
        const missingMethods = await this.#missingMethods(server)
        const login = missingMethods?.includes('account/read') ? 'unknown' : await loginOf(server)
        return { codexBinary, codexVersion: server.codexVersion ?? null, missingMethods, appServer: 'ok', login, problem: null }
      } finally {
        await server.stop()
      }
    } catch (error) {
      return failed(BridgeError.from(error).message, codexBinary)
    }
  }

  async #missingMethods(server: AppServerProcess): Promise<string[] | null> {
    try {
      const known = await readMethods(server.peer)
      return known ? missingMethodsOf(known) : null
    } catch (error) {
      this.#logger.warn({ err: error }, 'methods of codex not read')
      return null
    }
  }
}

const loginOf = async ({ peer }: AppServerProcess): Promise<Findings['login']> => {
  const { account, requiresOpenaiAuth } = await peer.call('account/read', {})
  return account ? 'logged_in' : requiresOpenaiAuth ? 'missing' : 'not_required'
}
