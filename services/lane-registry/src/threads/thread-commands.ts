import type { Bus } from '@codex-bridge/bus'
import { isUnknownMethod } from '@codex-bridge/codex-client'
import { BridgeError, isForbiddenMethod, type Registry, type ReplyOf, type RequestOf, type ThreadTurn } from '@codex-bridge/contracts'
import { fingerprint, type Logger } from '@codex-bridge/service-kit'
import type { LaneProjection } from '../projection/lane-projection.ts'
import type { SessionClient } from '../sessions/session-client.ts'
import { CommandMemory } from './command-memory.ts'
import { hasNoTurnsYet, isLegacyThread, legacyThread } from './thread-errors.ts'
import type { ThreadService } from './thread-service.ts'

/** For methods that change something. */
const ONCE = { once: true } as const
/** Turns per page, the app-server's maximum. */
const CODEX_PAGE = 100

type Params = Record<string, unknown>

export type ThreadCommandsOptions = {
  bus: Bus
  threads: ThreadService
  projection: LaneProjection
  sessions: SessionClient
  logger: Logger
  /** How long a repetition waits for the first run, in milliseconds. */
  timeoutMs: number
  /** Let every method through, including those that leave the sandbox. */
  unrestricted: boolean
}

/** What changes a thread: in the session of the lane that holds it live, otherwise in a runner, at most once per command id. */
export class ThreadCommands {
  readonly #threads: ThreadService
  readonly #projection: LaneProjection
  readonly #sessions: SessionClient
  readonly #memory: CommandMemory
  readonly #unrestricted: boolean

  constructor(options: ThreadCommandsOptions) {
    this.#threads = options.threads
    this.#projection = options.projection
    this.#sessions = options.sessions
    this.#memory = new CommandMemory(options)
    this.#unrestricted = options.unrestricted
  }

  /** Any method under the policy. @throws BridgeError `rpc_method_forbidden`, `codex_error`, `no_runner` */
  async rpc({ commandId, method, params }: RequestOf<typeof Registry.rpc>): Promise<unknown> {
    if (!this.#unrestricted && isForbiddenMethod(method)) {
      throw new BridgeError(
        'rpc_method_forbidden',
        `${method} leaves the sandbox, changes configuration or login, or is not known to be safe`,
        {
          details: { method, allow: 'BRIDGE_RPC_UNRESTRICTED=1' },
        },
      )
    }
    if (commandId === undefined) return await this.#threads.call(method, params)
    return await this.#memory.run(commandId, fingerprint(method, params), () => this.#threads.call(method, params, ONCE))
  }

  /**
   * The contract's rollback: drops the last `numTurns` turns. Codex reverts to before a turn, so the oldest of them is looked
   * up first; fewer turns than asked for means all of them, none means nothing to do.
   */
  rollback({ commandId, threadId, numTurns }: RequestOf<typeof Registry.rollbackThread>): Promise<ReplyOf<typeof Registry.rollbackThread>> {
    return this.#memory.run(commandId, fingerprint('rollback', { threadId, numTurns }), () => this.#rollBack(threadId, numTurns))
  }

  async #rollBack(threadId: string, numTurns: number): Promise<ReplyOf<typeof Registry.rollbackThread>> {
    const turns = await this.#lastTurns(threadId, numTurns)
    const oldest = turns.at(-1)
    if (!oldest) return { thread: ((await this.#threads.call('thread/read', { threadId })) as { thread: unknown }).thread, droppedTurns: 0 }
    const droppedTurns = turns.length
    try {
      return { ...((await this.#threads.call('thread/revert', { threadId, beforeTurnId: oldest.id }, ONCE)) as Params), droppedTurns }
    } catch (error) {
      if (!isLegacyThread(error) && !isUnknownMethod(error, 'thread/revert')) throw error
      return { ...(await this.#rollBackInPlace(threadId, droppedTurns, oldest.id)), droppedTurns }
    }
  }

  /** As Codex did it before it had thread/revert; for a while it had both, one for each kind of thread. */
  async #rollBackInPlace(threadId: string, numTurns: number, beforeTurnId: string): Promise<Params> {
    try {
      return (await this.#threads.call('thread/rollback', { threadId, numTurns }, ONCE)) as Params
    } catch (error) {
      throw isUnknownMethod(error, 'thread/rollback') ? legacyThread(threadId, beforeTurnId) : error
    }
  }

  /** The newest turns, newest first; all of them where there are fewer. */
  async #lastTurns(threadId: string, most: number): Promise<{ id: string }[]> {
    const turns: { id: string }[] = []
    let cursor: string | null = null
    do {
      const limit = Math.min(CODEX_PAGE, most - turns.length)
      const params: Params = { threadId, limit, sortDirection: 'desc', itemsView: 'notLoaded', cursor }
      try {
        const page = (await this.#threads.call('thread/turns/list', params)) as { data: { id: string }[]; nextCursor: string | null }
        turns.push(...page.data)
        cursor = page.nextCursor
      } catch (error) {
        if (!hasNoTurnsYet(error)) throw error
        cursor = null
      }
    } while (cursor !== null && turns.length < most)
    return turns
  }

  /** Start, steer or interrupt: through the lane's session where a lane holds the thread, so that it shows in its events. */
  async turn(request: RequestOf<typeof Registry.turnOnThread>): Promise<ThreadTurn> {
    const { commandId, threadId, action } = request
    const laneId = this.#threads.liveLaneOf(threadId)
    const above = action === 'interrupt' ? this.#workOf(threadId) : undefined
    if (above) {
      const receipt = await this.#sessions.turn(above.laneId, { turnId: above.turnId, ...request })
      if (receipt) return { ...receipt, threadId, action }
    }
    if (laneId !== undefined) {
      const receipt = await this.#sessions.turn(laneId, request)
      if (receipt) return { ...receipt, threadId, action }
    }
    const { turnId } = await this.#memory.run(commandId, fingerprint('turn', { ...request, commandId: '' }), () => this.#turn(request))
    const status = ({ start: 'inProgress', steer: 'steered', interrupt: 'interrupting' } as const)[action]
    return { laneId: null, sessionId: null, threadId, turnId, action, status, commandId, seq: null }
  }

  async #turn(request: RequestOf<typeof Registry.turnOnThread>): Promise<{ turnId: string | null }> {
    const { threadId, action, input, turnId, expectedTurnId, options = {} } = request
    const text = [{ type: 'text', text: input ?? '', text_elements: [] }]
    const expected = expectedTurnId === undefined ? {} : { expectedTurnId }
    if (action === 'start') {
      const started = (await this.#threads.call('turn/start', { ...options, ...expected, threadId, input: text }, ONCE)) as {
        turn: { id: string }
      }
      return { turnId: started.turn.id }
    }
    if (action === 'steer') {
      const params = { ...options, threadId, expectedTurnId: expectedTurnId ?? turnId ?? '', input: text }
      return (await this.#threads.call('turn/steer', params, ONCE)) as { turnId: string }
    }
    const named = turnId ?? expectedTurnId
    await this.#threads.call('turn/interrupt', { ...options, threadId, turnId: named ?? '' }, ONCE)
    return { turnId: named ?? null }
  }

  /** The running turn of a thread that is a sub-agent, and the lane it works for: only that lane's process can end it. */
  #workOf(threadId: string): { laneId: string; turnId: string } | undefined {
    for (const { lane, session } of this.#projection.all()) {
      const agent = session?.subAgents?.find((each) => each.threadId === threadId && each.status === 'running')
      if (agent?.turnId) return { laneId: lane.laneId, turnId: agent.turnId }
    }
    return
  }
}
