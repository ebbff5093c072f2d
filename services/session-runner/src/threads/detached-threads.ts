import {
  type AppServerProcess,
  codexErrorKind,
  DECLINED,
  isApprovalMethod,
  RPC_METHOD_NOT_FOUND,
  readNotification,
} from '@codex-bridge/codex-client'
import { type AppServerCall, isReadingMethod, needsLoadedThread } from '@codex-bridge/contracts'
import { SerialQueue } from '@codex-bridge/platform'
import { CLIENT_NAME } from '../codex/app-server-launcher.ts'
import { codexError, unreadyError } from '../codex/codex-failures.ts'
import { takeoverSettings } from '../config.ts'
import type { RunnerContext } from '../runner-context.ts'
import { callOnHeldThread, checkTurnCall, type HeldThread, turnIdOf } from './held-thread.ts'

/** How long the reading process is kept without work, and how long a turn outside every lane may run, in milliseconds. */
const READER_IDLE_MS = 60_000
const TURN_LIMIT_MS = 30 * 60_000

/** Calls that start a turn: the process is kept until it is over. */
const STARTING = new Set(['turn/start', 'review/start', 'thread/compact/start'])

/**
 * App-server calls for threads that no lane holds. Reads share one process, which never takes a thread's writer lock. Every other
 * call gets its own process, which is ended right after, or when the turn it started is over, to release the lock. Approvals in such
 * a turn are declined, because nobody could see them: attach the thread to a lane to decide them.
 */
export class DetachedThreads {
  readonly #context: RunnerContext
  readonly #reading = new SerialQueue()
  readonly #held = new Map<string, HeldThread>()
  #reader: AppServerProcess | undefined
  #readerTimer: NodeJS.Timeout | undefined

  constructor(context: RunnerContext) {
    this.#context = context
  }

  /** @returns Codex's result as it is. @throws BridgeError `codex_error`, `readiness_blocked`, `codex_timeout`, `codex_unavailable` */
  async call(call: AppServerCall): Promise<unknown> {
    return await this.#context.originators.complete(await this.#call(call))
  }

  async stop(): Promise<void> {
    clearTimeout(this.#readerTimer)
    await Promise.all([this.#reader?.stop(), ...[...this.#held.values()].map(({ server }) => server.stop())])
  }

  async #call(call: AppServerCall): Promise<unknown> {
    const { method, params } = call
    try {
      // The reading process has nothing loaded; only held threads count.
      if (method === 'thread/loaded/list') return { data: [...this.#held.keys()], nextCursor: null }
      if (isReadingMethod(method)) return await request(await this.#sharedReader(), call)
      const held = this.#held.get(String(params['threadId']))
      // A fork needs no lock on its source. On the holding process the fork would be held too.
      if (held && method !== 'thread/fork') return await callOnHeldThread(held, call)
      return await this.#onOwnProcess(call)
    } catch (error) {
      if (codexErrorKind(error) !== 'active_writer') throw codexError(error)
      const threadId = String(params['threadId'])
      throw unreadyError('active_writer', threadId, (error as Error).message, this.#context.scanner.holderOf(threadId))
    }
  }

  #sharedReader(): Promise<AppServerProcess> {
    return this.#reading.run(async () => {
      clearTimeout(this.#readerTimer)
      this.#readerTimer = setTimeout(() => void this.#endReader(), READER_IDLE_MS)
      this.#readerTimer.unref()
      if (this.#reader && !this.#reader.peer.closed) return this.#reader
      const { launcher } = this.#context
      this.#reader = await launcher.start(launcher.codexHome, {})
      return this.#reader
    })
  }

  async #endReader(): Promise<void> {
    const reader = this.#reader
    this.#reader = undefined
    await reader?.stop()
  }

  async #onOwnProcess(call: AppServerCall): Promise<unknown> {
    const { method, params } = call
    const threadId = String(params['threadId'] ?? '')
    let endTurn: () => void = () => undefined
    const turnOver = new Promise<void>((resolve) => {
      endTurn = resolve
    })
    const { launcher } = this.#context
    const server = await launcher.start(launcher.codexHome, {
      onNotification: (name, body) => {
        const notification = readNotification(name, body)
        if (notification?.method === 'turn/completed' && notification.params.threadId === threadId) endTurn()
      },
      onRequest: ({ id, method: asked }) => decline(server, id, asked),
      onClose: () => endTurn(),
    })
    let kept = false
    try {
      if (needsLoadedThread(method)) await this.#load(server, threadId)
      const result = await request(server, { ...call, params: checkTurnCall(method, params, null) })
      // A new thread is stored by being named. Without that it would be lost with this process.
      if (method === 'thread/start') await nameNewThread(server, result, params)
      kept = STARTING.has(method)
      if (kept) this.#hold({ server, threadId, turnId: turnIdOf(result) }, turnOver)
      return result
    } finally {
      if (!kept) await server.stop()
    }
  }

  /** Loads a thread; one of another program without the settings that program left on it. */
  async #load(server: AppServerProcess, threadId: string): Promise<void> {
    const { originators, config } = this.#context
    const { thread } = await originators.complete(await server.peer.call('thread/read', { threadId }))
    const takeover = thread.originator === CLIENT_NAME ? {} : takeoverSettings(config)
    await server.peer.request('thread/resume', { threadId, excludeTurns: true, ...takeover })
  }

  #hold(held: HeldThread, turnOver: Promise<void>): void {
    const { server, threadId } = held
    this.#held.set(threadId, held)
    const limit = setTimeout(() => void server.stop(), TURN_LIMIT_MS)
    void turnOver.then(async () => {
      clearTimeout(limit)
      this.#held.delete(threadId)
      await server.stop()
      this.#context.logger.info({ threadId }, 'thread released')
    })
  }
}

const request = ({ peer }: AppServerProcess, { method, params, timeoutMs }: AppServerCall): Promise<unknown> =>
  peer.request(method, params, timeoutMs === undefined ? {} : { timeoutMs })

const decline = ({ peer }: AppServerProcess, id: number | string, method: string): void => {
  if (isApprovalMethod(method)) peer.respond(id, DECLINED[method])
  else peer.respondError(id, { code: RPC_METHOD_NOT_FOUND, message: `codex-bridge does not handle ${method}` })
}

const nameNewThread = async ({ peer }: AppServerProcess, result: unknown, params: AppServerCall['params']): Promise<void> => {
  const { id } = (result as { thread: { id: string } }).thread
  const name = typeof params['name'] === 'string' && params['name'].trim() !== '' ? params['name'] : 'New thread'
  await peer.call('thread/name/set', { threadId: id, name })
}
