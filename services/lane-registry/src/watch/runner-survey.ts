import type { Bus } from '@codex-bridge/bus'
import {
  BridgeError,
  Codex,
  type CodexProcess,
  type HostSnapshot,
  type Registry,
  type RequestOf,
  type RunningCodex,
  type ThreadWriter,
} from '@codex-bridge/contracts'
import { isLive, type LaneAggregates, threadOf } from '../lanes/lane-view.ts'
import type { LaneProjection } from '../projection/lane-projection.ts'
import type { ThreadService } from '../threads/thread-service.ts'

/** How long runners have to look around, in milliseconds. */
const LOOK_MS = 2000
const DEFAULT_WINDOW_SEC = 300

/** Who has a thread open for writing. */
type Writer = ThreadWriter & { own: boolean }

/** What all runners together see. */
export type HostView = {
  /** Null when every runner sees its host. */
  blind: string | null
  processes: CodexProcess[]
  writers: ReadonlyMap<string, Writer>
}

/** Runners of one host see the same processes; each knows only its own children, so whoever calls one its own is right. */
export const mergeSnapshots = (sights: readonly HostSnapshot[]): HostView => {
  const processes = new Map<string, CodexProcess>()
  for (const { host, processes: seen } of sights) {
    for (const process of seen) {
      const key = `${host} ${process.pid}`
      if (process.own || !processes.has(key)) processes.set(key, process)
    }
  }
  const writers = new Map<string, Writer>()
  for (const { host, threads } of sights) {
    for (const { threadId, pid } of threads) {
      const process = pid === null ? undefined : processes.get(`${host} ${pid}`)
      const writer = { pid, surface: process?.surface ?? 'unknown', since: process?.startedAt ?? null, own: process?.own ?? false }
      if (!writers.get(threadId)?.own) writers.set(threadId, writer)
    }
  }
  const blind = sights.find(({ seen }) => !seen)
  return { blind: blind ? (blind.reason ?? 'Processes cannot be seen') : null, processes: [...processes.values()], writers }
}

export type LookoutOptions = { bus: Bus; projection: LaneProjection; threads: ThreadService }

/** Asks the runners what runs on their hosts, and joins it with what the lanes know. */
export class RunnerSurvey {
  readonly #options: LookoutOptions

  constructor(options: LookoutOptions) {
    this.#options = options
  }

  /** @throws BridgeError `no_runner` when nobody answers */
  async look(): Promise<HostView> {
    const sights = await this.#options.bus.callAll(Codex.running, {}, LOOK_MS)
    if (sights.length === 0) throw new BridgeError('no_runner', 'No session-runner is there to look')
    return mergeSnapshots(sights)
  }

  /** Folders that no runner sees; undefined when none answers. */
  async missingPaths(paths: string[]): Promise<ReadonlySet<string> | undefined> {
    if (paths.length === 0) return new Set()
    const answers = await this.#options.bus.callAll(Codex.checkPaths, { paths }, LOOK_MS)
    if (answers.length === 0) return
    return new Set(paths.filter((path) => answers.every(({ missing }) => missing.includes(path))))
  }

  /** `GET /codex/running`. @throws BridgeError `no_runner` */
  async running({ windowSec = DEFAULT_WINDOW_SEC }: RequestOf<typeof Registry.runningCodex>): Promise<RunningCodex> {
    const { blind, processes, writers } = await this.look()
    const seen = [...writers].map(([threadId, { pid, surface }]) => ({ threadId, pid, surface, laneId: this.#laneOf(threadId) }))
    if (blind === null) return { mode: 'processes', processes, threads: seen, reason: null }
    const known = [...seen, ...this.#ownThreads().filter((own) => !writers.has(own.threadId))]
    const active = await this.#options.threads.active({ windowSec })
    const inferred = active.threads
      .filter(({ thread }) => !known.some(({ threadId }) => threadId === thread.id))
      .map(({ thread, surface, activeSecAgo }) => ({
        threadId: thread.id,
        pid: null,
        surface,
        laneId: this.#laneOf(thread.id),
        activeSecAgo,
      }))
    return { mode: 'inferred', processes, threads: [...known, ...inferred], reason: blind }
  }

  /** Threads of live lanes: those run, whatever can be seen. */
  #ownThreads(): RunningCodex['threads'] {
    return this.#options.projection.all().flatMap(({ lane, session }) => {
      if (session?.phase !== 'live' || session.threadId === null || session.readinessDeferred) return []
      return [{ threadId: session.threadId, pid: session.process?.pid ?? null, surface: 'bridge' as const, laneId: lane.laneId }]
    })
  }

  #laneOf(threadId: string): string | null {
    const has = (aggregates: LaneAggregates): boolean =>
      threadOf(aggregates) === threadId || (aggregates.session?.subAgents?.some((agent) => agent.threadId === threadId) ?? false)
    const lanes = this.#options.projection.all().filter(has)
    return (lanes.find(({ session }) => isLive(session)) ?? lanes[0])?.lane.laneId ?? null
  }
}
