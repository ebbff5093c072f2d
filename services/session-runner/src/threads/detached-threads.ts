import { type AppServerProcess, classifyResumeError, type Thread } from '@codex-bridge/codex-client'
import { type AppServerCall, BridgeError, isReadingMethod, needsLoadedThread } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import { type AppServerLauncher, CLIENT_NAME } from '../codex/app-server-launcher.ts'
import type { ProcessScanner } from '../host/process-scanner.ts'
import { SerialQueue } from '../sessions/serial-queue.ts'
import type { OriginatorReader } from './originator-reader.ts'
import { codexError, readinessError, type TakeoverSettings } from './thread-loader.ts'

export type PoolOptions = {
  launcher: AppServerLauncher
  logger: Logger
  sight: Pick<ProcessScanner, 'holderOf'>
  takeover: TakeoverSettings
  originators: OriginatorReader
  rpcTimeoutMs: number
}

/** How long the reading process is kept without work, and a turn outside every lane may run, in milliseconds. */
const READER_IDLE_MS = 60_000
const TURN_LIMIT_MS = 30 * 60_000

/** A process that was started for one thread and holds it until its turn is over. */
type Holding = { server: AppServerProcess; threadId: string; turnId: string | null; turnOver: Promise<void> }

type Params = Record<string, unknown>

/**
 * App-server calls for threads no lane holds. Reads share one process that never takes a thread's writer lock; everything else
 * gets a process of its own that is ended right after, or when the turn it started is over, so that the lock is given back.
 * Requests for approval in such a turn are declined: nobody could see them. Attach the thread to a lane to carry them.
 */
export class DetachedThreads {
  readonly #options: PoolOptions
  readonly #reading = new SerialQueue()
  readonly #held = new Map<string, Holding>()
  #reader: AppServerProcess | undefined
  #readerTimer: NodeJS.Timeout | undefined

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** @returns Codex's result as it is. @throws BridgeError `codex_error`, `readiness_blocked`, `codex_timeout`, `codex_unavailable` */
  async call(call: AppServerCall): Promise<unknown> {
    return await this.#options.originators.complete(await this.#call(call))
  }

  async stop(): Promise<void> {
    clearTimeout(this.#readerTimer)
    await Promise.all([this.#reader?.stop(), ...[...this.#held.values()].map(({ server }) => server.stop())])
  }

  async #call({ method, params, timeoutMs }: AppServerCall): Promise<unknown> {
    const limit = timeoutMs ?? this.#options.rpcTimeoutMs
    try {
      // A process that only reads has nothing loaded: what counts is what is held.
      if (method === 'thread/loaded/list') return { data: [...this.#held.keys()], nextCursor: null }
      if (isReadingMethod(method)) return await (await this.#sharedReader()).peer.request(method, params, { timeoutMs: limit })
      const held = this.#held.get(String(params['threadId']))
      // A fork needs no lock on its source, and would be held with it.
      if (held && method !== 'thread/fork') {
        return await onHeld(held, method, params, limit)
      }
      return await this.#scoped(method, params, limit)
    } catch (error) {
      if (classifyResumeError(error) !== 'active_writer') throw codexError(error)
      throw readinessError('active_writer', String(params['threadId']), (error as Error).message, (id) => this.#options.sight.holderOf(id))
    }
  }

  #sharedReader(): Promise<AppServerProcess> {
    return this.#reading.run(async () => {
      clearTimeout(this.#readerTimer)
      this.#readerTimer = setTimeout(() => void this.#endReader(), READER_IDLE_MS)
      this.#readerTimer.unref()
      if (this.#reader && !this.#reader.peer.closed) return this.#reader
      this.#reader = await this.#options.launcher.start(this.#options.launcher.codexHome, {})
      return this.#reader
    })
  }

  async #endReader(): Promise<void> {
    const reader = this.#reader
    this.#reader = undefined
    await reader?.stop()
  }

  async #scoped(method: string, params: Params, timeoutMs: number): Promise<unknown> {
    let ended: () => void = () => undefined
    const turnOver = new Promise<void>((resolve) => {
      ended = resolve
    })
    const threadId = String(params['threadId'] ?? '')
    const server = await this.#options.launcher.start(this.#options.launcher.codexHome, {
      onNotification: (name, body) => {
        if (name === 'turn/completed' && (body as { threadId?: unknown }).threadId === threadId) ended()
      },
      onRequest: ({ id, method: asked }) => this.#decline(server, id, asked),
      onClose: () => ended(),
    })
    let keep = false
    try {
      if (needsLoadedThread(method)) await this.#load(server, threadId, timeoutMs)
      const result = await server.peer.request(method, turnParams(method, params, null), { timeoutMs })
      // A new thread is stored by being named; without that it would be gone with this process.
      if (method === 'thread/start') await this.#store(server, result, params)
      keep = method === 'turn/start' || method === 'review/start' || method === 'thread/compact/start'
      if (keep) this.#hold({ server, threadId, turnId: turnIdOf(result), turnOver })
      return result
    } finally {
      if (!keep) await server.stop()
    }
  }

  /** Loads a thread; one of another program without the settings that program left on it. */
  async #load(server: AppServerProcess, threadId: string, timeoutMs: number): Promise<void> {
    const read = (await server.peer.request('thread/read', { threadId }, { timeoutMs })) as { thread: Thread }
    const { thread } = await this.#options.originators.complete(read)
    const takeover = thread.originator === CLIENT_NAME ? {} : this.#options.takeover
    await server.peer.request('thread/resume', { threadId, excludeTurns: true, ...takeover }, { timeoutMs })
  }

  async #store(server: AppServerProcess, result: unknown, params: Record<string, unknown>): Promise<void> {
    const { id } = (result as { thread: { id: string } }).thread
    const name = typeof params['name'] === 'string' && params['name'].trim() !== '' ? params['name'] : 'New thread'
    await server.peer.request('thread/name/set', { threadId: id, name })
  }

  #hold(holding: Holding): void {
    const { server, threadId, turnOver } = holding
    this.#held.set(threadId, holding)
    const limit = setTimeout(() => void server.stop(), TURN_LIMIT_MS)
    void turnOver.then(async () => {
      clearTimeout(limit)
      this.#held.delete(threadId)
      await server.stop()
      this.#options.logger.info({ threadId }, 'thread given back')
    })
  }

  #decline(server: AppServerProcess, id: number | string, method: string): void {
    const declined: Record<string, unknown> = {
      'item/commandExecution/requestApproval': { decision: 'decline' },
      'item/fileChange/requestApproval': { decision: 'decline' },
      'item/permissions/requestApproval': { permissions: {}, scope: 'turn' },
      'item/tool/requestUserInput': { answers: {} },
      'mcpServer/elicitation/request': { action: 'decline', content: null, _meta: null },
    }
    if (method in declined) server.peer.respond(id, declined[method])
    else server.peer.respondError(id, { code: -32_601, message: `codex-bridge does not handle ${method}` })
  }
}

/**
 * A call on the process that holds the thread. A start that names the running turn adds to it: Codex would do so itself, but old
 * versions then answer a turn id that no turn has.
 */
const onHeld = async ({ server, turnId }: Holding, method: string, params: Params, timeoutMs: number): Promise<unknown> => {
  const checked = turnParams(method, params, turnId)
  if (method !== 'turn/start') return await server.peer.request(method, checked, { timeoutMs })
  const steered = await server.peer.request('turn/steer', { ...checked, expectedTurnId: turnId }, { timeoutMs })
  return { turn: { id: (steered as { turnId: string }).turnId } }
}

const turnIdOf = (result: unknown): string | null => {
  const id = (result as { turn?: { id?: unknown } } | null)?.turn?.id
  return typeof id === 'string' ? id : null
}

/**
 * Checks a turn call against the turn that is running, which Codex does for a steer only: a start while a turn runs would silently
 * be added to it.
 * @returns the parameters for Codex
 * @throws BridgeError `turn_active`, `turn_mismatch`, `no_active_turn`
 */
const turnParams = (method: string, params: Params, activeTurnId: string | null): Params => {
  if (method === 'turn/start') {
    const { expectedTurnId, ...rest } = params
    if (expectedTurnId !== undefined && expectedTurnId !== activeTurnId) {
      throw new BridgeError('turn_mismatch', undefined, { details: { expectedTurnId, activeTurnId } })
    }
    if (expectedTurnId === undefined && activeTurnId !== null) {
      throw new BridgeError('turn_active', undefined, { details: { turnId: activeTurnId } })
    }
    return rest
  }
  if (method !== 'turn/steer' && method !== 'turn/interrupt') return params
  if (activeTurnId === null) throw new BridgeError('no_active_turn')
  return method === 'turn/steer' && !params['expectedTurnId'] ? { ...params, expectedTurnId: activeTurnId } : params
}

/** True when the process has let go of a thread it had loaded, as it does when the thread is archived. */
export const isUnloaded = (error: unknown): boolean => /^thread not found/i.test((error as Error).message)

export type LaneCall = { method: string; params: Params; timeoutMs: number; reload: () => Promise<void> }

/** A call on a lane's own process. A thread that is not loaded any more is loaded again. @throws BridgeError */
export const callOn = async (server: AppServerProcess, { method, params, timeoutMs, reload }: LaneCall): Promise<unknown> => {
  if (method.startsWith('turn/')) throw new BridgeError('conflict', 'Turns of a lane go through the lane: POST /lanes/{laneId}/prompt')
  const ask = () => server.peer.request(method, params, { timeoutMs })
  try {
    return await ask().catch(async (error: unknown) => {
      if (!(needsLoadedThread(method) && isUnloaded(error))) throw error
      await reload()
      return await ask()
    })
  } catch (error) {
    throw codexError(error)
  }
}
