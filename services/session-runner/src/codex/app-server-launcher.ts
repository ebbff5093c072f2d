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

/** Name the bridge gives itself: it becomes the originator of the threads it makes. */
export const CLIENT_NAME = 'codex-bridge'

export type LauncherOptions = { codexHome: string; children: ChildRegistry; logger: Logger; rpcTimeoutMs: number }

/** Starts codex app-server processes of one home and keeps their identities on disk while they live. */
export class AppServerLauncher {
  readonly #options: LauncherOptions
  readonly #versions = new Map<number, string | undefined>()
  #onVersion: (version: string | undefined) => void = () => undefined

  constructor(options: LauncherOptions) {
    this.#options = options
    // Codex refuses to start without its home; a first `codex login` would make the same folder.
    mkdirSync(options.codexHome, { recursive: true, mode: 0o700 })
  }

  get codexHome(): string {
    return this.#options.codexHome
  }

  /** Whether a process is one of this launcher's living children. */
  owns(pid: number): boolean {
    return this.#versions.has(pid)
  }

  /** Versions of the living children, and of the binary as it was probed. */
  versions(probed: string | null): string[] {
    return [...new Set([...this.#versions.values(), probed ?? undefined].filter((version) => version !== undefined))].sort()
  }

  /** Tells the version of every process that is started from now on: a binary may be replaced at any time. */
  onVersion(listener: (version: string | undefined) => void): void {
    this.#onVersion = listener
  }

  /** @throws BridgeError `codex_unavailable` with what was tried or what codex said last */
  async start(cwd: string, peer: Omit<RpcPeerOptions, 'readable' | 'writable'>): Promise<AppServerProcess> {
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
          onProtocolError: (problem) => logger.warn({ problem }, 'app-server protocol'),
          ...peer,
        },
      })
      if (server.identity) children.add(server.identity, server.mark)
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
