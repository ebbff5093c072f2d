import { AppServerProcess, type NotificationHandler, type ThreadStartParams, type TurnStartParams } from '@codex-bridge/codex-client'

const TURN_TIMEOUT_MS = 20_000

export type BareClientOptions = {
  binary: string
  codexHome: string
  cwd: string
  onNotification?: NotificationHandler
}

/**
 * The baseline: one `codex app-server` on stdio with one thread and nothing in between. Same binary, same kind of home, same model
 * as behind the bridge.
 */
export class BareClient {
  readonly #server: AppServerProcess
  readonly #threadId: string
  readonly #waiting = new Map<string, (status: string) => void>()
  /** Ends that came before the answer that names their turn. */
  readonly #ended = new Map<string, string>()

  private constructor(server: AppServerProcess, threadId: string) {
    this.#server = server
    this.#threadId = threadId
    server.peer.onNotification((method, params) => {
      if (method === 'turn/completed') this.#completed((params as { turn: { id: string; status: string } }).turn)
    })
  }

  static async start({ binary, codexHome, cwd, onNotification }: BareClientOptions): Promise<BareClient> {
    const server = await AppServerProcess.start({
      binary,
      codexHome,
      cwd,
      clientInfo: { name: 'codex-bridge-bench', version: '0.1.0' },
      ...(onNotification && { peer: { onNotification } }),
    })
    try {
      const { thread } = await server.peer.call('thread/start', { cwd } as ThreadStartParams)
      return new BareClient(server, thread.id)
    } catch (error) {
      await server.stop()
      throw error
    }
  }

  get codexVersion(): string | undefined {
    return this.#server.codexVersion
  }

  /** Runs a turn; resolves with the milliseconds from writing `turn/start` to reading `turn/completed`. */
  async turn(prompt: string): Promise<number> {
    const startedAt = performance.now()
    const params = { threadId: this.#threadId, input: [{ type: 'text', text: prompt, text_elements: [] }] } as TurnStartParams
    const { turn } = await this.#server.peer.call('turn/start', params)
    const status = this.#ended.get(turn.id) ?? (await this.#end(turn.id))
    const ms = performance.now() - startedAt
    this.#ended.delete(turn.id)
    if (status !== 'completed') throw new Error(`a bare turn ended as ${status}`)
    return ms
  }

  async stop(): Promise<void> {
    await this.#server.stop()
  }

  #end(turnId: string): Promise<string> {
    return new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`a bare turn took longer than ${TURN_TIMEOUT_MS} ms`)), TURN_TIMEOUT_MS)
      const settle = (act: () => void): void => {
        clearTimeout(timer)
        this.#waiting.delete(turnId)
        act()
      }
      this.#waiting.set(turnId, (status) => settle(() => resolve(status)))
      void this.#server.exited.then(() => settle(() => reject(new Error('the bare app-server ended during a turn'))))
    })
  }

  #completed({ id, status }: { id: string; status: string }): void {
    const waiting = this.#waiting.get(id)
    if (waiting) waiting(status)
    else this.#ended.set(id, status)
  }
}
