import { type Bus, NoRespondersError } from '@codex-bridge/bus'
import {
  BridgeError,
  Codex,
  type LoadedThreads,
  type Registry,
  type ReplyOf,
  type RequestOf,
  Sessions,
  SOURCE_KINDS,
} from '@codex-bridge/contracts'
import type { LaneAggregates } from '../lanes/lane-view.ts'
import type { LaneProjection } from '../projection/lane-projection.ts'
import { hasNoTurnsYet, threadError } from './thread-errors.ts'
import { type Lineage, ThreadLineage, type ThreadPage } from './thread-lineage.ts'
import { type ActiveThread, type CodexThread, isArchived, rankActive, surfaceOf } from './thread-ranking.ts'
import type { ThreadFacts } from './thread-snapshot.ts'

export type ThreadServiceOptions = {
  bus: Bus
  projection: LaneProjection
  /** Deadline of one call to Codex, in milliseconds. */
  timeoutMs: number
}

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
  readonly #options: ThreadServiceOptions
  readonly #lineage: ThreadLineage

  constructor(options: ThreadServiceOptions) {
    this.#options = options
    this.#lineage = new ThreadLineage({ projection: options.projection, page: (params) => this.#page(params) })
  }

  /**
   * A call on the process that holds the thread of `params.threadId`, or on a runner's own.
   * @param options.once for a method that changes something: it is never sent twice
   */
  async call(method: string, params: Params, { once = false } = {}): Promise<unknown> {
    const { threadId } = params
    // A fork needs no lock on its source, and the process that makes it holds the copy: that must not be the lane's.
    const laneId = typeof threadId === 'string' && method !== 'thread/fork' ? this.liveLaneOf(threadId) : undefined
    const { bus, timeoutMs } = this.#options
    try {
      if (laneId !== undefined) return await bus.call(Sessions.call, { method, params }, { laneId, timeoutMs, once })
    } catch (error) {
      if (!(error instanceof NoRespondersError)) throw threadError(error, threadId)
    }
    try {
      return await bus.call(Codex.call, { method, params }, { timeoutMs, once })
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

  /**
   * What the bridge's app-servers have loaded, sub-agents included.
   * @throws BridgeError `no_runner`, or what a process that does not answer in time leads to: a part must not pass for the whole
   */
  async loaded(): Promise<LoadedThreads> {
    const { bus, projection } = this.#options
    const live = projection.all().filter(({ session }) => session?.phase === 'live')
    const request = { method: 'thread/loaded/list', params: {} }
    const timeoutMs = LOADED_MS
    const threadsIn = (reply: unknown, laneId: string | null): LoadedThreads['threads'] =>
      (reply as { data: string[] }).data.map((threadId) => ({ threadId, laneId }))
    const inLane = async (laneId: string) => {
      try {
        return threadsIn(await bus.call(Sessions.call, request, { laneId, timeoutMs }), laneId)
      } catch (error) {
        // The session has ended since, and its threads with it.
        if (error instanceof NoRespondersError) return []
        throw error
      }
    }
    const inRunner = async () => {
      try {
        return threadsIn(await bus.call(Codex.call, request, { timeoutMs }), null)
      } catch (error) {
        throw error instanceof NoRespondersError ? new BridgeError('no_runner') : error
      }
    }
    const found = await Promise.all([inRunner(), ...live.map(({ lane }) => inLane(lane.laneId))])
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

  async #page(params: Params): Promise<ThreadPage> {
    return (await this.call('thread/list', params)) as ThreadPage
  }

  async #described(threads: readonly CodexThread[]): Promise<ThreadView[]> {
    const lineage = await this.#lineage.of(threads)
    return threads.map((thread) => ({ ...thread, surface: surfaceOf(thread), ...(lineage.get(thread.id) as Lineage) }))
  }

  /** The lane whose process has the thread. One that waits for it holds nothing. */
  liveLaneOf(threadId: string): string | undefined {
    const holds = ({ session }: LaneAggregates): boolean =>
      session?.phase === 'live' && session.threadId === threadId && !session.readinessDeferred
    return this.#options.projection.all().find(holds)?.lane.laneId
  }
}
