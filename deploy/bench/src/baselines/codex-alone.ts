import { AppServerProcess, resolveCodexBinary } from '@codex-bridge/codex-client'
import type { CodexQuestion } from '../measures/route-list.ts'

/** The app-server's pages have at most this many threads, whatever is asked for. */
const PAGE = 100

type ThreadPage = { data: unknown[]; nextCursor: string | null }

/** The baseline of routes that Codex answers: one `codex app-server` on stdio, in the home of the bridge, asked for the same. */
export class CodexAlone {
  readonly #server: AppServerProcess

  private constructor(server: AppServerProcess) {
    this.#server = server
  }

  static async start(codexHome: string, cwd: string): Promise<CodexAlone> {
    const clientInfo = { name: 'codex-bridge-bench', version: '0.1.0' }
    return new CodexAlone(await AppServerProcess.start({ binary: resolveCodexBinary().path, codexHome, cwd, clientInfo }))
  }

  /** Resolves with the milliseconds until the last answer was read. */
  async ask({ method, params, threads }: CodexQuestion): Promise<number> {
    const startedAt = performance.now()
    if (threads === undefined) await this.#server.peer.request(method, params)
    else await this.#list(method, params, threads)
    return performance.now() - startedAt
  }

  async stop(): Promise<void> {
    await this.#server.stop()
  }

  async #list(method: string, params: Record<string, unknown>, threads: number): Promise<void> {
    let cursor: string | null = null
    let found = 0
    do {
      const limit = Math.min(PAGE, threads - found)
      const page = (await this.#server.peer.request(method, { ...params, limit, cursor })) as ThreadPage
      found += page.data.length
      cursor = page.nextCursor
    } while (cursor !== null && found < threads)
  }
}
