import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AggregateStore,
  type Bus,
  type EventLog,
  LEASE_TTL_MS,
  type Lease,
  type LeaseTable,
  OwnedAggregate,
  publishDelta,
  readLatest,
  serveLane,
} from '@codex-bridge/bus'
import {
  type Approval,
  BridgeError,
  type BridgeEvent,
  type LaneState,
  type RequestOf,
  type RunnerInfo,
  type Runners,
  type SessionReply,
  type SessionState,
  Sessions,
  type StatusReason,
  subjects,
} from '@codex-bridge/contracts'
import { hostIdentity, isProvablyDead, type Logger, logServed, stampEvent } from '@codex-bridge/service-kit'
import type { AppServerLauncher } from './codex/app-server-launcher.ts'
import type { CodexProbe } from './codex/codex-probe.ts'
import { type RunnerConfig, takeoverSettings } from './config.ts'
import type { ProcessScanner } from './host/process-scanner.ts'
import { LaneSession } from './sessions/lane-session.ts'
import { claimed, settleLoss, stopped } from './sessions/session-decider.ts'
import { sessionOf } from './sessions/session-state.ts'
import { SessionStore } from './sessions/session-store.ts'
import type { OriginatorReader } from './threads/originator-reader.ts'
import { type WorkspacePolicy, workspaceError } from './workspace/workspace-policy.ts'

export type RunnerOptions = {
  bus: Bus
  log: EventLog
  leases: LeaseTable
  launcher: AppServerLauncher
  probe: CodexProbe
  sight: ProcessScanner
  originators: OriginatorReader
  workspaces: WorkspacePolicy
  config: RunnerConfig
  runnerId: string
  logger: Logger
}

/** Losses of one lane within this time that end its automatic recovery. */
const LOSSES_BEARABLE = 3
const LOSS_WINDOW_MS = 10 * 60_000

const LEASE_RETRY_MS = 250
const IDLE_CHECK_MS = 5000

const RUNNER_GONE: StatusReason = { code: 'runner_gone', message: 'The session-runner that held the lane ended' }

/** Holds sessions: takes lanes, brings lost ones back, gives idle ones up. */
export class Runner {
  readonly #options: RunnerOptions
  readonly #store: AggregateStore<SessionState>
  readonly #held = new Map<string, LaneSession>()
  readonly #claiming = new Map<string, Promise<SessionReply>>()
  readonly #losses = new Map<string, number[]>()
  readonly #ending = new AbortController()
  readonly #host = hostIdentity()
  #idleTimer: NodeJS.Timeout | undefined

  constructor(options: RunnerOptions) {
    this.#options = options
    this.#store = new AggregateStore<SessionState>(options.log, 'session', stampEvent)
  }

  /** Threads that processes of this runner surely have loaded now. */
  loadedThreads(): string[] {
    return [...this.#held.values()].flatMap(({ loadedThreadId }) => loadedThreadId ?? [])
  }

  describe(): RunnerInfo {
    const { runnerId, launcher, probe, config } = this.#options
    return {
      runnerId,
      codexHome: launcher.codexHome,
      ...probe.findings,
      codexVersions: launcher.versions(probe.findings.codexVersion),
      sessions: this.#held.size,
      capacity: config.BRIDGE_RUNNER_CAPACITY,
    }
  }

  /** Takes a lane and brings its session up; the live one is answered as it is. @throws BridgeError */
  claim({ lane }: RequestOf<typeof Runners.claim>): Promise<SessionReply> {
    return this.#take(lane, 'start')
  }

  /** Takes a lane whose owner is gone: settles what that left open, then resumes by policy. @throws BridgeError */
  recover({ lane }: RequestOf<typeof Runners.recover>): Promise<SessionReply> {
    return this.#take(lane, 'recover')
  }

  /** Brings back what an earlier run of this runner held. Called once at start, before new lanes are taken. */
  async recoverOwn(): Promise<void> {
    const { bus, log, runnerId, logger, config } = this.#options
    const idle = config.BRIDGE_IDLE_HIBERNATE_SEC
    if (idle > 0) this.#idleTimer = setInterval(() => this.#hibernateIdle(idle * 1000), Math.min(IDLE_CHECK_MS, idle * 500))
    const sessions = (await readLatest(bus, subjects.aggregateEvents('session'))).map(({ state }) => state as unknown as SessionState)
    const mine = sessions.filter((session) => session.runnerId === runnerId && (session.phase === 'live' || session.phase === 'claimed'))
    await Promise.all(
      mine.map(async ({ laneId }) => {
        try {
          const lane = (await log.last(laneId, 'lane'))?.state as LaneState | undefined
          if (lane && !lane.deleted) await this.#take(lane, 'recover')
        } catch (error) {
          logger.warn({ laneId, err: error }, 'own session not recovered')
        }
      }),
    )
  }

  /** Takes a decision from the log to the session that waits for it. */
  decided(event: BridgeEvent): void {
    if (event.type !== 'lane.approval.resolved' && event.type !== 'lane.approval.expired') return
    this.#held.get(event.laneId)?.deliver(event.payload['approval'] as Approval)
  }

  /** Puts every session to sleep and takes no more. */
  async stop(): Promise<void> {
    clearInterval(this.#idleTimer)
    await Promise.allSettled([...this.#claiming.values()])
    await Promise.allSettled([...this.#held.values()].map((session) => session.hibernate('shutdown')))
    this.#ending.abort()
  }

  #take(lane: LaneState, purpose: 'start' | 'recover'): Promise<SessionReply> {
    const held = this.#held.get(lane.laneId)
    if (held) return Promise.resolve(held.reply())
    const underWay = this.#claiming.get(lane.laneId)
    if (underWay) return underWay
    if (this.#held.size + this.#claiming.size >= this.#options.config.BRIDGE_RUNNER_CAPACITY) {
      return Promise.reject(new BridgeError('no_runner', `Runner ${this.#options.runnerId} is full`))
    }
    const run = this.#open(lane, purpose).finally(() => this.#claiming.delete(lane.laneId))
    this.#claiming.set(lane.laneId, run)
    return run
  }

  async #open(lane: LaneState, purpose: 'start' | 'recover'): Promise<SessionReply> {
    const { logger, config, launcher, runnerId, bus, sight, originators, workspaces } = this.#options
    const { laneId } = lane
    let session: LaneSession | undefined
    const fence = () => void session?.fence()
    const onFenced = (fault?: unknown) => (fault === undefined ? fence() : session?.giveUp(fault))
    const lease = await this.#acquire(laneId, fence)
    try {
      const version = await this.#store.load(laneId)
      const owned = new OwnedAggregate(this.#store, version, { patienceMs: Number.POSITIVE_INFINITY, signal: this.#ending.signal })
      const record = new SessionStore(owned, sessionOf(lane, version.state), onFenced)
      this.#endLeftover(record.state)
      const lost = record.state.phase === 'live' || record.state.phase === 'claimed'
      while (await record.append((state) => settleLoss(state, RUNNER_GONE)));
      if (purpose === 'recover' && config.BRIDGE_RECOVERY === 'stop') {
        await lease.release()
        return { session: record.state, thread: null, seq: record.seq }
      }
      const epoch = Math.max(lease.epoch, record.state.epoch + 1)
      await record.append((state) => claimed(state, { epoch, runnerId, home: launcher.codexHome }, purpose))
      const cwd = await this.#workspace(lane, record)
      session = new LaneSession({
        lane,
        lease,
        record,
        cwd,
        logger,
        host: this.#host,
        rpcTimeoutMs: config.BRIDGE_RPC_TIMEOUT_MS,
        readinessRetryMs: config.BRIDGE_READINESS_RETRY_MS,
        threads: {
          takeover: takeoverSettings(config),
          holderOf: (threadId) => sight.holderOf(threadId),
          // The lane's own folder was checked, and a scratch folder is the bridge's own.
          assertAllowed: (folder) => (folder === cwd ? undefined : workspaces.assertAllowed(folder)),
        },
        watchdog: { stallMs: config.BRIDGE_TURN_STALL_SEC * 1000, retryMs: config.BRIDGE_TURN_RETRY_SEC * 1000 },
        originators,
        verificationTimeoutMs: config.BRIDGE_VERIFICATION_TIMEOUT_SEC * 1000,
        launch: (peer) => launcher.start(cwd, peer),
        publishDelta: (delta) => publishDelta(bus, laneId, { laneId, ...delta }),
        serve: (live) => this.#serve(live),
        onEnded: (ended, how) => this.#ended(ended, how),
      })
      await session.start(purpose === 'recover' || lost)
      this.#held.set(laneId, session)
      logger.info({ laneId, epoch, purpose }, 'session live')
      return session.reply()
    } catch (error) {
      await lease.release()
      throw error
    }
  }

  async #acquire(laneId: string, onLost: () => void): Promise<Lease> {
    const deadline = Date.now() + LEASE_TTL_MS + 2000
    for (;;) {
      const lease = await this.#options.leases.acquire(`lane.${laneId}`, onLost)
      if (lease) return lease
      if (Date.now() > deadline || this.#ending.signal.aborted) throw new BridgeError('conflict', 'Another runner holds the lane')
      await sleep(LEASE_RETRY_MS)
    }
  }

  /** A process the log still names and that is provably the same one: it must not go on beside its successor. */
  #endLeftover({ process: leftover }: SessionState): void {
    if (!leftover || leftover.host !== this.#host || isProvablyDead(leftover)) return
    try {
      process.kill(-leftover.pid, 'SIGKILL')
      this.#options.logger.warn({ pid: leftover.pid }, 'ended a leftover app-server')
    } catch {
      // Gone in the meantime.
    }
  }

  /** The folder a lane works in: its worktree or repository, else a scratch folder of its own. */
  async #workspace(lane: LaneState, record: SessionStore): Promise<string> {
    const wanted = lane.worktreePath ?? lane.repoRoot
    if (wanted === null) {
      const scratch = resolve(join(this.#options.config.BRIDGE_DATA_DIR, 'workspaces', lane.laneId))
      mkdirSync(scratch, { recursive: true })
      return scratch
    }
    for (const path of [lane.repoRoot, lane.worktreePath]) {
      const problem = path === null ? undefined : this.#options.workspaces.check(path)
      if (!problem) continue
      await record.append((state) => stopped(state, 'start_failed', problem))
      throw workspaceError(problem)
    }
    return wanted
  }

  #serve(session: LaneSession) {
    const { bus, logger } = this.#options
    return serveLane(
      bus,
      session.laneId,
      Sessions,
      {
        status: () => session.reply(),
        prompt: (request) => session.prompt(request),
        steer: (request) => session.steer(request),
        interrupt: (request) => session.interrupt(request),
        stop: (request) => session.stop(request),
        call: (request) => session.call(request),
      },
      { observe: logServed(logger) },
    )
  }

  #ended(session: LaneSession, how: 'stopped' | 'lost' | 'fenced'): void {
    const { laneId, lane } = session
    if (this.#held.get(laneId) === session) this.#held.delete(laneId)
    void session.lease.release()
    if (how !== 'lost' || this.#options.config.BRIDGE_RECOVERY === 'stop' || this.#ending.signal.aborted) return
    void this.#afterLoss(lane)
  }

  /** Resumes after a loss, unless losses have become the rule. */
  async #afterLoss(lane: LaneState): Promise<void> {
    const { logger } = this.#options
    const since = Date.now() - LOSS_WINDOW_MS
    const losses = [...(this.#losses.get(lane.laneId) ?? []).filter((at) => at > since), Date.now()]
    this.#losses.set(lane.laneId, losses)
    try {
      if (losses.length <= LOSSES_BEARABLE) await this.#take(lane, 'recover')
      else {
        const reason: StatusReason = {
          code: 'crash_loop',
          message: `Lost ${losses.length} times within ${LOSS_WINDOW_MS / 60_000} minutes; start it again by hand`,
        }
        await this.#store.transact(lane.laneId, ({ state }) =>
          state?.phase === 'lost' ? stopped(state, 'start_failed', reason) : undefined,
        )
      }
    } catch (error) {
      logger.error({ laneId: lane.laneId, err: error }, 'lost session not recovered')
    }
  }

  #hibernateIdle(limitMs: number): void {
    for (const session of this.#held.values()) {
      if (session.idleMs() > limitMs)
        void session.hibernate('idle').catch((error: unknown) => this.#options.logger.warn({ err: error }, 'hibernation'))
    }
  }
}
