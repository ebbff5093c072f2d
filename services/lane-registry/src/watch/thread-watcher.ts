import { AggregateStore, type Bus, type EventLog, JsonBucket } from '@codex-bridge/bus'
import {
  BridgeError,
  BUCKETS,
  DEFAULT_WATCH_INTERVAL_SEC,
  type ThreadChange,
  type WatchFinding,
  type WatchStart,
  type WatchStatus,
} from '@codex-bridge/contracts'
import { type Logger, stampEvent } from '@codex-bridge/service-kit'
import { type Static, Type } from 'typebox'
import type { LaneAggregates } from '../lanes/lane-view.ts'
import type { ProjectedLane } from '../projection/lane-entry.ts'
import type { LaneProjection } from '../projection/lane-projection.ts'
import type { ThreadService } from '../threads/thread-service.ts'
import type { HostView, RunnerSurvey } from './runner-survey.ts'
import { decideObservation, isWatched, type ThreadObservation } from './thread-changes.ts'

export type WatcherOptions = {
  bus: Bus
  log: EventLog
  projection: LaneProjection
  threads: ThreadService
  survey: RunnerSurvey
  logger: Logger
  /** Used until somebody starts or stops the watcher; 0 is off. */
  defaultIntervalSec: number
}

/** Lanes per tick at most, the rest follows with the next; reads at the same time; and what is told of errors. */
const BATCH = 100
const READS_AT_ONCE = 4
const ERRORS_TOLD = 20

const SETTINGS_KEY = 'watch'
/** Codes that say that reading on is pointless for now. */
const HOPELESS: ReadonlySet<string> = new Set(['no_runner', 'codex_unavailable', 'codex_timeout', 'command_timeout', 'bus_unavailable'])

const Settings = Type.Object({ enabled: Type.Boolean(), intervalSec: Type.Integer() })
type Settings = Static<typeof Settings>
type TickError = WatchStatus['errors'][number]
type Round = { found: WatchFinding[]; errors: TickError[]; hostView: HostView; missing: ReadonlySet<string> | undefined }

/**
 * Notices what happens to the threads and workspaces of lanes outside the bridge, by looking. Runs in the leader only; whether
 * and how often is kept in a bucket, so that a restart or another leader goes on as told.
 */
export class ThreadWatcher {
  readonly #options: WatcherOptions
  readonly #lanes: AggregateStore<'lane'>
  #settings: Settings
  #bucket: Promise<JsonBucket<Settings>> | undefined
  #watching = false
  #wake: () => void = () => undefined
  #ticking: Promise<WatchStatus> | undefined
  /** Lane the last batch ended with. */
  #cursor = ''
  #last: Pick<WatchStatus, 'lastTickAt' | 'lastTickMs' | 'watched' | 'found' | 'errors' | 'ticks'> = {
    lastTickAt: null,
    lastTickMs: null,
    watched: 0,
    found: [],
    errors: [],
    ticks: 0,
  }

  constructor(options: WatcherOptions) {
    this.#options = options
    this.#lanes = new AggregateStore(options.log, 'lane', stampEvent)
    const { defaultIntervalSec } = options
    this.#settings = { enabled: defaultIntervalSec > 0, intervalSec: defaultIntervalSec || DEFAULT_WATCH_INTERVAL_SEC }
  }

  status(): WatchStatus {
    return { running: this.#watching && this.#settings.enabled, intervalSec: this.#settings.intervalSec, ...this.#last }
  }

  async start({ intervalSec = DEFAULT_WATCH_INTERVAL_SEC }: WatchStart): Promise<WatchStatus> {
    return await this.#set({ enabled: true, intervalSec })
  }

  async stop(): Promise<WatchStatus> {
    return await this.#set({ ...this.#settings, enabled: false })
  }

  /** Looks now; one look at a time. */
  tick(): Promise<WatchStatus> {
    this.#ticking ??= this.#tick().finally(() => {
      this.#ticking = undefined
    })
    return this.#ticking
  }

  /** Looks again and again until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const stored = await (await this.#settingsBucket()).get(SETTINGS_KEY)
    if (stored) this.#settings = stored.value
    this.#watching = true
    signal.addEventListener('abort', () => this.#wake(), { once: true })
    while (!signal.aborted) {
      if (this.#settings.enabled)
        await this.tick().catch((error: unknown) => this.#options.logger.warn({ err: error }, 'watch tick failed'))
      if (!signal.aborted) await this.#pause()
    }
    this.#watching = false
  }

  /** Until the next tick is due, or something was changed. Stopped, it waits for the change alone. */
  async #pause(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (this.#settings.enabled) timer = setTimeout(resolve, this.#settings.intervalSec * 1000)
    })
    clearTimeout(timer)
  }

  async #set(settings: Settings): Promise<WatchStatus> {
    await (await this.#settingsBucket()).put(SETTINGS_KEY, settings)
    this.#settings = settings
    this.#wake()
    return this.status()
  }

  #settingsBucket(): Promise<JsonBucket<Settings>> {
    this.#bucket ??= JsonBucket.open(this.#options.bus, BUCKETS.settings, Settings).catch((error: unknown) => {
      this.#bucket = undefined
      throw error
    })
    return this.#bucket
  }

  async #tick(): Promise<WatchStatus> {
    const started = performance.now()
    const { survey, logger } = this.#options
    await this.#options.projection.current()
    const batch = this.#nextBatch()
    const found: WatchFinding[] = []
    const errors: TickError[] = []
    if (batch.length > 0) {
      try {
        const paths = [...new Set(batch.flatMap(workspacesOf))]
        const [hostView, missing] = await Promise.all([survey.look(), survey.missingPaths(paths)])
        await this.#lookAt(batch, { found, errors, hostView, missing })
      } catch (error) {
        errors.push(told(null, error))
      }
    }
    this.#last = {
      lastTickAt: new Date().toISOString(),
      lastTickMs: Math.round(performance.now() - started),
      watched: batch.length,
      found,
      errors: errors.slice(0, ERRORS_TOLD),
      ticks: this.#last.ticks + 1,
    }
    if (found.length > 0 || errors.length > 0) logger.info({ found, errors }, 'watched')
    return this.status()
  }

  #nextBatch(): ProjectedLane[] {
    const watched = this.#options.projection
      .all()
      .filter(isWatched)
      .sort((left, right) => (left.lane.laneId < right.lane.laneId ? -1 : 1))
    const after = watched.filter(({ lane }) => lane.laneId > this.#cursor)
    const batch = (watched.length <= BATCH ? watched : [...after, ...watched]).slice(0, BATCH)
    this.#cursor = batch.at(-1)?.lane.laneId ?? ''
    return batch
  }

  async #lookAt(batch: ProjectedLane[], round: Round): Promise<void> {
    const left = [...batch]
    const work = async () => {
      for (let next = left.shift(); next; next = left.shift()) {
        try {
          const changes = await this.#lookAtOne(next, round)
          if (changes) round.found.push({ laneId: next.lane.laneId, threadId: next.lane.threadId ?? '', changes })
        } catch (error) {
          const problem = told(next.lane.laneId, error)
          round.errors.push(problem)
          if (HOPELESS.has(problem.error)) left.length = 0
        }
      }
    }
    await Promise.all(Array.from({ length: READS_AT_ONCE }, work))
  }

  async #lookAtOne(aggregates: ProjectedLane, { hostView, missing }: Round): Promise<ThreadChange[] | undefined> {
    const { lane, sessionAt } = aggregates
    const facts = await this.#options.threads.facts(lane.threadId ?? '').catch((error: unknown) => {
      if (error instanceof BridgeError && error.code === 'thread_not_found') return null
      throw error
    })
    // In the meantime a session of ours may have taken the thread; what it does is no news from outside.
    const now = this.#options.projection.get(lane.laneId)
    if (!now || now.lane.threadId !== lane.threadId || !isWatched(now)) return
    const paths = workspacesOf(aggregates)
    const sighting: ThreadObservation = {
      facts,
      writer: hostView.blind === null ? foreign(hostView, lane.threadId ?? '') : undefined,
      workspaceMissing: missing && paths.length > 0 ? paths.some((path) => missing.has(path)) : undefined,
      sessionAt: sessionAt ?? null,
    }
    const at = new Date().toISOString()
    const { event } = await this.#lanes.transact(lane.laneId, (version) => decideObservation(version, sighting, at))
    return event?.type === 'lane.thread.updated' ? event.payload.changes : undefined
  }
}

/** The folders a lane was told to work in. */
const workspacesOf = ({ lane }: LaneAggregates): string[] => [lane.repoRoot, lane.worktreePath].filter((path) => path !== null)

/** Who has a thread open, unless it is the bridge itself. */
const foreign = ({ writers }: HostView, threadId: string): ThreadObservation['writer'] => {
  const writer = writers.get(threadId)
  if (!writer || writer.own) return null
  const { own: _own, ...shown } = writer
  return shown
}

const told = (laneId: string | null, error: unknown): TickError => {
  const { code, message } = BridgeError.from(error)
  return { laneId, error: code, message }
}
