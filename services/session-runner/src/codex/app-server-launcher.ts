import { mkdirSync } from 'node:fs'
import {
  AppServerProcess,
  AppServerStartError,
  CodexBinaryNotFoundError,
  type RpcPeerOptions,
  resolveCodexBinary,
} from '@codex-bridge/codex-client'
import { BridgeError } from '@codex-bridge/contracts'
import { BRIDGE_VERSION, type Logger } from '@codex-bridge/service-kit'
import type { ChildRegistry } from './child-registry.ts'

/** Handlers of an app-server's messages. */
export type AppServerHandlers = Omit<RpcPeerOptions, 'readable' | 'writable'>

/** Name of the bridge to Codex: the originator of the threads it makes. */
export const CLIENT_NAME = 'codex-bridge'

export type LauncherOptions = {
  codexHome: string
  children: ChildRegistry
  logger: Logger
  /** Deadline of an app-server call that names none, in milliseconds. */
  rpcTimeoutMs: number
}

/** Starts codex app-server processes of one home and keeps their identities on disk while they run. */
export class AppServerLauncher {
  readonly #options: LauncherOptions
  readonly #versions = new Map<number, string | undefined>()
  #onVersion: (version: string | undefined) => void = () => undefined

  constructor(options: LauncherOptions) {
    this.#options = options
    // Codex refuses to start without its home. A first `codex login` would create the same folder.
    mkdirSync(options.codexHome, { recursive: true, mode: 0o700 })
  }

  get codexHome(): string {
    return this.#options.codexHome
  }

  /** Whether a process is a running child of this launcher. */
  owns(pid: number): boolean {
    return this.#versions.has(pid)
  }

  /** Versions of the running children, and of the binary as it was probed. */
  versions(probed: string | null): string[] {
    return [...new Set([...this.#versions.values(), probed ?? undefined].filter((version) => version !== undefined))].sort()
  }

  /** Reports the version of every process started from now on: the binary may be replaced at any time. */
  onVersion(listener: (version: string | undefined) => void): void {
    this.#onVersion = listener
  }

  /** @throws BridgeError `codex_unavailable` with what was tried, or with the reason codex gave */
  async start(cwd: string, handlers: AppServerHandlers): Promise<AppServerProcess> {
    const { codexHome, children, logger, rpcTimeoutMs } = this.#options
    try {
      const { path } = resolveCodexBinary()
      const server = await AppServerProcess.start({
        binary: path,
        codexHome,
        cwd,
        clientInfo: { name: CLIENT_NAME, title: 'codex-bridge', version: BRIDGE_VERSION },
        peer: {
          defaultTimeoutMs: rpcTimeoutMs,
          onProtocolError: (problem) => logger.warn({ problem }, 'app-server sent something unexpected'),
          ...handlers,
        },
      })
      children.add(server.identity, server.mark)
      this.#versions.set(server.pid, server.codexVersion)
      this.#onVersion(server.codexVersion)
      void server.exited.then(() => {
        this.#versions.delete(server.pid)
        children.remove(server.pid)
      })
      return server
    } catch (cause) {
      if (cause instanceof CodexBinaryNotFoundError || cause instanceof AppServerStartError) {
        throw new BridgeError('codex_unavailable', cause.message, { cause })
      }
      throw cause
    }
  }
}
