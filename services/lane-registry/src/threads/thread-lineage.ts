import { SOURCE_KINDS, type SubAgent, type ThreadChild } from '@codex-bridge/contracts'
import { threadOf } from '../lanes/lane-view.ts'
import type { LaneProjection } from '../projection/lane-projection.ts'
import type { CodexThread } from './thread-ranking.ts'

type Params = Record<string, unknown>
export type ThreadPage = { data: CodexThread[]; nextCursor: string | null }

export type LineageOptions = {
  projection: Pick<LaneProjection, 'all'>
  /** One page of thread/list. */
  page: (params: Params) => Promise<ThreadPage>
}

/** Children shown per thread, and sub-agents looked at for a list of threads, at most. */
const CHILDREN_SHOWN = 100
const SUB_AGENT_SCAN = 500
const PAGE = 100

const SUB_AGENT_SOURCES = SOURCE_KINDS.filter((kind) => kind.startsWith('subAgent'))

/** What the bridge adds to a thread about where it belongs. */
export type Lineage = { laneIds: string[]; parentThreadId: string | null; children: ThreadChild[] }

/** Joins what Codex knows of parents and children with what the lanes' sessions know of their sub-agents. */
export class ThreadLineage {
  readonly #options: LineageOptions

  constructor(options: LineageOptions) {
    this.#options = options
  }

  /**
   * Tells the lanes whose thread one is, or whose thread spawned it. Made once per answer: to go over all lanes for each thread of a
   * list takes its time.
   */
  lanesByThread(): (thread: Pick<CodexThread, 'id' | 'parentThreadId'>) => string[] {
    const own = new Map<string, string[]>()
    const spawned = new Map<string, string[]>()
    const add = (lanes: Map<string, string[]>, threadId: string, laneId: string) => {
      lanes.set(threadId, [...(lanes.get(threadId) ?? []), laneId])
    }
    for (const aggregates of this.#options.projection.all()) {
      const threadId = threadOf(aggregates)
      if (threadId === null) continue
      add(own, threadId, aggregates.lane.laneId)
      for (const child of aggregates.session?.subAgents ?? []) add(spawned, child.threadId, aggregates.lane.laneId)
    }
    return ({ id, parentThreadId }) => [
      ...new Set([own.get(id), parentThreadId ? own.get(parentThreadId) : undefined, spawned.get(id)].flatMap((lanes) => lanes ?? [])),
    ]
  }

  /** Lineage of every given thread, in one or a few calls for all of them. @throws BridgeError as thread/list does */
  async of(threads: readonly CodexThread[]): Promise<Map<string, Lineage>> {
    const known = this.#known()
    const lanesOf = this.lanesByThread()
    const children = new Map<string, ThreadChild[]>()
    for (const thread of await this.#subAgentsOf(threads)) {
      const siblings = children.get(String(thread.parentThreadId)) ?? []
      if (siblings.length < CHILDREN_SHOWN) siblings.push(childOf(thread, known.get(thread.id)))
      children.set(String(thread.parentThreadId), siblings)
    }
    return new Map(
      threads.map((thread) => [
        thread.id,
        { laneIds: lanesOf(thread), parentThreadId: thread.parentThreadId ?? null, children: children.get(thread.id) ?? [] },
      ]),
    )
  }

  /** Sub-agents as the sessions last told of them. */
  #known(): Map<string, SubAgent> {
    const agents = this.#options.projection.all().flatMap(({ session }) => session?.subAgents ?? [])
    return new Map(agents.map((agent) => [agent.threadId, agent]))
  }

  async #subAgentsOf(threads: readonly CodexThread[]): Promise<CodexThread[]> {
    const [first] = threads
    if (first === undefined) return []
    if (threads.length === 1) return (await this.#options.page({ parentThreadId: first.id, limit: CHILDREN_SHOWN })).data
    // A child is younger than its parent: once they are older than every thread asked about, the rest belongs to others.
    const oldest = Math.min(...threads.map(({ createdAt }) => createdAt ?? 0))
    const found: CodexThread[] = []
    let cursor: string | null = null
    do {
      const page: ThreadPage = await this.#options.page({ limit: PAGE, cursor, sortKey: 'created_at', sourceKinds: SUB_AGENT_SOURCES })
      found.push(...page.data)
      cursor = page.nextCursor
      if ((page.data.at(-1)?.createdAt ?? 0) < oldest) break
    } while (cursor !== null && found.length < SUB_AGENT_SCAN)
    return found
  }
}

const childOf = ({ id, agentNickname, agentRole }: CodexThread, known: SubAgent | undefined): ThreadChild => ({
  threadId: id,
  nickname: agentNickname ?? known?.nickname ?? null,
  role: agentRole ?? known?.role ?? null,
  status: known?.status ?? null,
})
