import { type Bus, NoRespondersError } from '@codex-bridge/bus'
import { isUnknownMethod } from '@codex-bridge/codex-client'
import {
  BridgeError,
  Codex,
  isForbiddenMethod,
  type LoadedThreads,
  type Registry,
  type ReplyOf,
  type RequestOf,
  Sessions,
  SOURCE_KINDS,
  type ThreadTurn,
} from '@codex-bridge/contracts'
import { fingerprint } from '@codex-bridge/service-kit'
import type { LaneAggregates } from '../lanes/lane-view.ts'
import type { LaneProjector } from '../projection/lane-projector.ts'
import type { SessionClient } from '../sessions/session-client.ts'
import { CommandMemory } from './command-memory.ts'
import { hasNoTurnsYet, isLegacyThread, legacyThread, threadError } from './thread-errors.ts'
import { type Lineage, ThreadLineage, type ThreadPage } from './thread-lineage.ts'
import { type ActiveThread, type CodexThread, isArchived, rankActive, surfaceOf } from './thread-ranking.ts'
import type { ThreadFacts } from './thread-snapshot.ts'

export type ThreadDeskOptions = { bus: Bus; projector: LaneProjector; sessions: SessionClient; timeoutMs: number; unrestricted: boolean }

/** The app-server's pages have at most this many threads or turns, whatever is asked for. */
const CODEX_PAGE = 100
/** How long one process may take to say what it has loaded, in milliseconds. */
const LOADED_MS = 2000
/** Threads looked at for activity at most. */
const ACTIVE_SCAN = 500

type Params = Record<string, unknown>
type ThreadView = ReplyOf<typeof Registry.getThread>

/** Calls on threads: through the lane that holds the thread live, else through a runner's own process. */
export class ThreadService {
  readonly #options: ThreadDeskOptions
  readonly #memory = new CommandMemory()
  readonly #lineage: ThreadLineage

  constructor(options: ThreadDeskOptions) {
    this.#options = options
    this.#lineage = new ThreadLineage({ projector: options.projector, page: (params) => this.#page(params) })
  }

  /** Any method under the policy. @throws BridgeError `rpc_method_forbidden`, `codex_error`, `no_runner` */
  async rpc({ commandId, method, params }: RequestOf<typeof Registry.rpc>): Promise<unknown> {
    if (!this.#options.unrestricted && isForbiddenMethod(method)) {
      throw new BridgeError(
        'rpc_method_forbidden',
        `${method} leaves the sandbox, changes configuration or login, or is not known to be safe`,
        {
          details: { method, allow: 'BRIDGE_RPC_UNRESTRICTED=1' },
        },
      )
    }
    if (commandId === undefined) return await this.call(method, params)
    return await this.#memory.run(commandId, fingerprint(method, params), () => this.call(method, params))
  }

  /** A call on the process that holds the thread of `params.threadId`, or on a runner's own. */
  async call(method: string, params: Params): Promise<unknown> {
    const { threadId } = params
    // A fork needs no lock on its source, and the process that makes it holds the copy: that must not be the lane's.
    const laneId = typeof threadId === 'string' && method !== 'thread/fork' ? this.#liveLaneOf(threadId) : undefined
    const { bus, timeoutMs } = this.#options
    try {
      if (laneId !== undefined) return await bus.call(Sessions.call, { method, params }, { laneId, timeoutMs })
    } catch (error) {
      if (!(error instanceof NoRespondersError)) throw threadError(error, threadId)
    }
    try {
      return await bus.call(Codex.call, { method, params }, { timeoutMs })
    } catch (error) {
      if (error instanceof NoRespondersError) throw new BridgeError('no_runner')
      throw threadError(error, threadId)
    }
  }

  /** Up to 200 threads, over as many pages of Codex as that takes. */
  async list({ limit, cursor, sourceKinds }: RequestOf<typeof Registry.listThreads>): Promise<ReplyOf<typeof Registry.listThreads>> {
    const threads: CodexThread[] = []
    let next: string | null = cursor ?? null
    do {
      const page = await this.#page({
        limit: Math.min(CODEX_PAGE, limit - threads.length),
        cursor: next,
        ...(sourceKinds && { sourceKinds }),
      })
      threads.push(...page.data)
      next = page.nextCursor
    } while (next !== null && threads.length < limit)
    return { threads: await this.#described(threads), nextCursor: next }
  }

  /** One thread, with its turns where asked for. @throws BridgeError `thread_not_found` */
  async read({ threadId, includeTurns }: RequestOf<typeof Registry.getThread>): Promise<ThreadView> {
    const read = async (withTurns: boolean): Promise<CodexThread> =>
      ((await this.call('thread/read', { threadId, includeTurns: withTurns })) as { thread: CodexThread }).thread
    const thread = await read(includeTurns).catch(async (error: unknown) => {
      if (!(includeTurns && hasNoTurnsYet(error))) throw error
      return await read(false)
    })
    return (await this.#described([thread]))[0] as ThreadView
  }

  /** What the bridge's app-servers have loaded, sub-agents included. A process that does not answer in time is left out. */
  async loaded(): Promise<LoadedThreads> {
    const { bus, projector } = this.#options
    const live = projector.all().filter(({ session }) => session?.phase === 'live')
    const request = { method: 'thread/loaded/list', params: {} }
    const timeoutMs = LOADED_MS
    const ask = async (answer: Promise<unknown>, laneId: string | null): Promise<LoadedThreads['threads']> => {
      const { data } = (await answer.catch(() => ({ data: [] }))) as { data: string[] }
      return data.map((threadId) => ({ threadId, laneId }))
    }
    const found = await Promise.all([
      ...live.map(({ lane }) => ask(bus.call(Sessions.call, request, { laneId: lane.laneId, timeoutMs }), lane.laneId)),
      ask(bus.call(Codex.call, request, { timeoutMs }), null),
    ])
    return { threads: found.flat(), nextCursor: null }
  }

  /** Threads with recent activity, by the caller's preferences. */
  async active(
    query: RequestOf<typeof Registry.activeThreads>,
  ): Promise<{ threads: (ActiveThread & Lineage)[]; scanned: number; nextCursor: null }> {
    const found: CodexThread[] = []
    const since = Date.now() / 1000 - query.windowSec
    let cursor: string | null = null
    do {
      const page: ThreadPage = await this.#page({
        limit: CODEX_PAGE,
        cursor,
        sortKey: 'updated_at',
        sourceKinds: query.sourceKinds ?? SOURCE_KINDS,
      })
      found.push(...page.data)
      cursor = page.nextCursor
      // Sorted by activity, newest first: an old one means that the rest is older.
      if ((page.data.at(-1)?.updatedAt ?? 0) < since) break
    } while (cursor !== null && found.length < ACTIVE_SCAN)
    const ranked = rankActive(found, query, Date.now() / 1000, this.#lineage.lanesByThread())
    const lineage = await this.#lineage.of(ranked.map(({ thread }) => thread))
    const threads = ranked.map((active) => ({ ...active, ...(lineage.get(active.thread.id) as Lineage) }))
    return { threads, scanned: found.length, nextCursor: null }
  }

  /** What a thread says of itself. @throws BridgeError `thread_not_found` */
  async facts(threadId: string): Promise<ThreadFacts> {
    const { thread } = (await this.call('thread/read', { threadId })) as { thread: CodexThread }
    return {
      title: thread.name ?? null,
      cwd: thread.cwd ?? null,
      branch: thread.gitInfo?.branch ?? null,
      surface: surfaceOf(thread),
      // Where there are both, versions differ in what touches updatedAt; loading a thread is not driving it.
      updatedAt: thread.recencyAt ?? thread.updatedAt ?? null,
      archived: isArchived(thread),
    }
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
    if (!oldest) return { thread: ((await this.call('thread/read', { threadId })) as { thread: unknown }).thread, droppedTurns: 0 }
    const droppedTurns = turns.length
    try {
      return { ...((await this.call('thread/revert', { threadId, beforeTurnId: oldest.id })) as Params), droppedTurns }
    } catch (error) {
      if (!isLegacyThread(error) && !isUnknownMethod(error, 'thread/revert')) throw error
      return { ...(await this.#rollBackInPlace(threadId, droppedTurns, oldest.id)), droppedTurns }
    }
  }

  /** As Codex did it before it had thread/revert; for a while it had both, one for each kind of thread. */
  async #rollBackInPlace(threadId: string, numTurns: number, beforeTurnId: string): Promise<Params> {
    try {
      return (await this.call('thread/rollback', { threadId, numTurns })) as Params
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
        const page = (await this.call('thread/turns/list', params)) as { data: { id: string }[]; nextCursor: string | null }
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
    const laneId = this.#liveLaneOf(threadId)
    const above = action === 'interrupt' ? this.#workOf(threadId) : undefined
    if (above) {
      const receipt = await this.#options.sessions.turn(above.laneId, { turnId: above.turnId, ...request })
      if (receipt) return { ...receipt, threadId, action }
    }
    if (laneId !== undefined) {
      const receipt = await this.#options.sessions.turn(laneId, request)
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
      const started = (await this.call('turn/start', { ...options, ...expected, threadId, input: text })) as { turn: { id: string } }
      return { turnId: started.turn.id }
    }
    if (action === 'steer') {
      const params = { ...options, threadId, expectedTurnId: expectedTurnId ?? turnId ?? '', input: text }
      return (await this.call('turn/steer', params)) as { turnId: string }
    }
    const named = turnId ?? expectedTurnId
    await this.call('turn/interrupt', { ...options, threadId, turnId: named ?? '' })
    return { turnId: named ?? null }
  }

  async #page(params: Params): Promise<ThreadPage> {
    return (await this.call('thread/list', params)) as ThreadPage
  }

  async #described(threads: readonly CodexThread[]): Promise<ThreadView[]> {
    const lineage = await this.#lineage.of(threads)
    return threads.map((thread) => ({ ...thread, surface: surfaceOf(thread), ...(lineage.get(thread.id) as Lineage) }))
  }

  /** The lane whose process has the thread. One that waits for it holds nothing. */
  #liveLaneOf(threadId: string): string | undefined {
    const holds = ({ session }: LaneAggregates): boolean =>
      session?.phase === 'live' && session.threadId === threadId && !session.readinessDeferred
    return this.#options.projector.all().find(holds)?.lane.laneId
  }

  /** The running turn of a thread that is a sub-agent, and the lane it works for: only that lane's process can end it. */
  #workOf(threadId: string): { laneId: string; turnId: string } | undefined {
    for (const { lane, session } of this.#options.projector.all()) {
      const agent = session?.subAgents?.find((each) => each.threadId === threadId && each.status === 'running')
      if (agent?.turnId) return { laneId: lane.laneId, turnId: agent.turnId }
    }
    return
  }
}
