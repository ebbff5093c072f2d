import { type Bus, NoRespondersError, requestJson } from '@codex-bridge/bus'
import { BridgeError, isForbiddenMethod, type RegistryRequest, subjects } from '@codex-bridge/contracts'
import type { ThreadFacts } from './lane.decider.ts'
import type { LaneProjector } from './lane.projector.ts'
import type { SessionGateway } from './session.gateway.ts'
import { type ActiveThread, type CodexThread, rankActive, surfaceOf } from './thread.surface.ts'

export type ThreadDeskOptions = { bus: Bus; projector: LaneProjector; sessions: SessionGateway; timeoutMs: number; unrestricted: boolean }

/** The app-server's pages have at most this many threads or turns, whatever is asked for. */
const CODEX_PAGE = 100
/** Threads looked at for activity at most. */
const ACTIVE_SCAN = 500

const EVERY_SOURCE = [
  'cli',
  'vscode',
  'exec',
  'appServer',
  'subAgent',
  'subAgentReview',
  'subAgentCompact',
  'subAgentThreadSpawn',
  'subAgentOther',
  'unknown',
]

type Params = Record<string, unknown>
type ThreadPage = { data: CodexThread[]; nextCursor: string | null }

/** Calls on threads: through the lane that holds the thread live, else through a runner's own process. */
export class ThreadDesk {
  readonly #options: ThreadDeskOptions

  constructor(options: ThreadDeskOptions) {
    this.#options = options
  }

  /** Any method under the policy. @throws BridgeError `rpc_method_forbidden`, `codex_error`, `no_runner` */
  async rpc({ method, params }: RegistryRequest<'rpc'>): Promise<unknown> {
    if (!this.#options.unrestricted && isForbiddenMethod(method)) {
      throw new BridgeError(
        'rpc_method_forbidden',
        `${method} leaves the sandbox, changes configuration or login, or is not known to be safe`,
        {
          details: { method, allow: 'BRIDGE_RPC_UNRESTRICTED=1' },
        },
      )
    }
    return await this.call(method, params)
  }

  /** A call on the process that holds the thread of `params.threadId`, or on a runner's own. */
  async call(method: string, params: Params): Promise<unknown> {
    const laneId = typeof params['threadId'] === 'string' ? this.#liveLaneOf(params['threadId']) : undefined
    const { bus, timeoutMs } = this.#options
    try {
      if (laneId !== undefined) return await requestJson(bus, subjects.session(laneId, 'call'), { method, params }, timeoutMs)
    } catch (error) {
      if (!(error instanceof NoRespondersError)) throw threadError(error, params)
    }
    try {
      return await requestJson(bus, subjects.command('codex', 'call'), { method, params }, timeoutMs)
    } catch (error) {
      if (error instanceof NoRespondersError) throw new BridgeError('no_runner')
      throw threadError(error, params)
    }
  }

  /** Up to 200 threads, over as many pages of Codex as that takes. */
  async list({ limit, cursor, sourceKinds }: RegistryRequest<'list-threads'>): Promise<{ threads: unknown[]; nextCursor: string | null }> {
    const threads: unknown[] = []
    let next: string | null = cursor ?? null
    do {
      const page = await this.#page({
        limit: Math.min(CODEX_PAGE, limit - threads.length),
        cursor: next,
        ...(sourceKinds && { sourceKinds }),
      })
      threads.push(...page.data.map((thread) => this.#described(thread)))
      next = page.nextCursor
    } while (next !== null && threads.length < limit)
    return { threads, nextCursor: next }
  }

  /** Threads with recent activity, by the caller's preferences. */
  async active(query: RegistryRequest<'active-threads'>): Promise<{ threads: ActiveThread[]; scanned: number }> {
    const found: CodexThread[] = []
    const since = Date.now() / 1000 - query.windowSec
    let cursor: string | null = null
    do {
      const page: ThreadPage = await this.#page({
        limit: CODEX_PAGE,
        cursor,
        sortKey: 'updated_at',
        sourceKinds: query.sourceKinds ?? EVERY_SOURCE,
      })
      found.push(...page.data)
      cursor = page.nextCursor
      // Sorted by activity, newest first: an old one means that the rest is older.
      if ((page.data.at(-1)?.updatedAt ?? 0) < since) break
    } while (cursor !== null && found.length < ACTIVE_SCAN)
    return { threads: rankActive(found, query, Date.now() / 1000, (threadId) => this.#lanesOf(threadId)), scanned: found.length }
  }

  /** What a thread says of itself. @throws BridgeError `thread_not_found` */
  async facts(threadId: string): Promise<ThreadFacts> {
    const { thread } = (await this.call('thread/read', { threadId })) as { thread: CodexThread }
    return { title: thread.name ?? null, cwd: thread.cwd ?? null, branch: thread.gitInfo?.branch ?? null, surface: surfaceOf(thread) }
  }

  /**
   * The contract's rollback: drops the last `numTurns` turns. Codex reverts to before a turn, so the oldest of them is looked
   * up first; fewer turns than asked for means all of them, none means nothing to do.
   */
  async rollback({ threadId, numTurns }: RegistryRequest<'rollback-thread'>): Promise<unknown> {
    const turns: { id: string }[] = []
    let cursor: string | null = null
    do {
      const params: Params = {
        threadId,
        limit: Math.min(CODEX_PAGE, numTurns - turns.length),
        sortDirection: 'desc',
        itemsView: 'notLoaded',
        cursor,
      }
      const page = (await this.call('thread/turns/list', params)) as { data: { id: string }[]; nextCursor: string | null }
      turns.push(...page.data)
      cursor = page.nextCursor
    } while (cursor !== null && turns.length < numTurns)
    const oldest = turns.at(-1)
    if (!oldest) return { thread: ((await this.call('thread/read', { threadId })) as { thread: unknown }).thread, droppedTurns: 0 }
    try {
      const reverted = (await this.call('thread/revert', { threadId, beforeTurnId: oldest.id })) as Params
      return { ...reverted, droppedTurns: turns.length }
    } catch (error) {
      throw legacyThread(error, threadId, oldest.id)
    }
  }

  /** Start, steer or interrupt: through the lane's session where a lane holds the thread, so that it shows in its events. */
  async turn(request: RegistryRequest<'turn-on-thread'>): Promise<unknown> {
    const { threadId, action, input, turnId, expectedTurnId, options = {} } = request
    const laneId = this.#liveLaneOf(threadId)
    if (laneId !== undefined) {
      const answer = await this.#options.sessions.turn(laneId, request)
      if (answer) return answer
    }
    const text = [{ type: 'text', text: input ?? '', text_elements: [] }]
    if (action === 'start') return await this.call('turn/start', { ...options, threadId, input: text })
    if (action === 'steer')
      return await this.call('turn/steer', { ...options, threadId, expectedTurnId: expectedTurnId ?? turnId ?? '', input: text })
    return await this.call('turn/interrupt', { ...options, threadId, turnId: turnId ?? '' })
  }

  async #page(params: Params): Promise<ThreadPage> {
    return (await this.call('thread/list', params)) as ThreadPage
  }

  #described(thread: CodexThread): unknown {
    return { ...thread, surface: surfaceOf(thread), laneIds: this.#lanesOf(thread.id) }
  }

  #lanesOf(threadId: string): string[] {
    return this.#options.projector
      .all()
      .filter(({ lane, session }) => (session?.threadId ?? lane.threadId) === threadId)
      .map(({ lane }) => lane.laneId)
  }

  #liveLaneOf(threadId: string): string | undefined {
    return this.#options.projector.all().find(({ session }) => session?.phase === 'live' && session.threadId === threadId)?.lane.laneId
  }
}

const threadError = (error: unknown, params: Params): unknown => {
  if (!(error instanceof BridgeError) || error.code !== 'codex_error') return error
  const { message } = error
  if (/^(thread not (loaded|found)|no (archived )?rollout found)|invalid (thread|session) id/i.test(message)) {
    return new BridgeError('thread_not_found', message, { details: { threadId: params['threadId'] ?? null } })
  }
  if (/active writer/i.test(message)) {
    return new BridgeError('readiness_blocked', message, {
      details: {
        reason: 'active_writer',
        threadId: params['threadId'],
        offers: ['wait until the other process lets go', 'fork the thread', 'follow it read-only'],
      },
    })
  }
  return error
}

const legacyThread = (error: unknown, threadId: string, beforeTurnId: string): unknown =>
  error instanceof BridgeError && /paginated/i.test(error.message)
    ? new BridgeError('codex_error', 'This thread was made by an older Codex and cannot be rolled back in place', {
        details: { threadId, offer: { method: 'POST', path: `/codex/threads/${threadId}/fork`, body: { beforeTurnId } } },
      })
    : error
