import { setTimeout as sleep } from 'node:timers/promises'
import { AggregateStore, decodeEvent, LEASE_TTL_MS, type Lease, OwnedAggregate, readLatest } from '@codex-bridge/bus'
import {
  BridgeError,
  type BridgeEvent,
  isEventOf,
  type LaneState,
  type RequestOf,
  type Runners,
  type SessionReply,
  type SessionState,
  type StatusReason,
  subjects,
} from '@codex-bridge/contracts'
import { SingleFlight } from '@codex-bridge/platform'
import { stampEvent } from '@codex-bridge/service-kit'
import { endLeftover } from './host/leftover-process.ts'
import type { RunnerContext } from './runner-context.ts'
import type { HeldSessions } from './sessions/held-sessions.ts'
import { LaneSession, type SessionEnd } from './sessions/lane-session.ts'
import { claimed, settleLoss, stopped } from './sessions/session-decider.ts'
import { sessionOf } from './sessions/session-state.ts'
import { SessionStore } from './sessions/session-store.ts'
import { chooseWorkspace } from './workspace/session-workspace.ts'

/** Losses of one lane within the window after which it is no longer recovered automatically. */
const MAX_LOSSES = 3
const LOSS_WINDOW_MS = 10 * 60_000

/** How long another owner's lease is waited for: until it expires, and a little longer. */
const LEASE_WAIT_MS = LEASE_TTL_MS + 2000
const LEASE_RETRY_MS = 250
const IDLE_CHECK_MS = 5000

const RUNNER_GONE: StatusReason = { code: 'runner_gone', message: 'The session-runner that held the lane ended' }

type Purpose = 'start' | 'recover'

/** Takes lanes: acquires their leases, brings lost sessions back, and releases idle ones. */
export class Runner {
  readonly #context: RunnerContext
  readonly #held: HeldSessions
  readonly #store: AggregateStore<'session'>
  readonly #claiming = new SingleFlight<string, SessionReply>()
  readonly #losses = new Map<string, number[]>()
  readonly #ending = new AbortController()
  #idleTimer: NodeJS.Timeout | undefined

  constructor(context: RunnerContext, held: HeldSessions) {
    this.#context = context
    this.#held = held
    this.#store = new AggregateStore(context.log, 'session', stampEvent)
  }

  /** Takes a lane and starts its session; a live session is answered as it is. @throws BridgeError */
  claim({ lane }: RequestOf<typeof Runners.claim>): Promise<SessionReply> {
    return this.#take(lane, 'start')
  }

  /** Takes a lane whose owner is gone: settles what that left open, then resumes by policy. @throws BridgeError */
  recover({ lane }: RequestOf<typeof Runners.recover>): Promise<SessionReply> {
    return this.#take(lane, 'recover')
  }

  /** Recovers the sessions that an earlier run of this runner held. Called once at start, before new lanes are taken. */
  async recoverOwn(): Promise<void> {
    const { bus, log, runnerId, logger, config } = this.#context
    const idleMs = config.BRIDGE_IDLE_HIBERNATE_SEC * 1000
    if (idleMs > 0) this.#idleTimer = setInterval(() => this.#hibernateIdle(idleMs), Math.min(IDLE_CHECK_MS, idleMs / 2))
    const events = await readLatest(bus, subjects.aggregateEvents('session'), decodeEvent)
    const sessions = events.flatMap((event) => (isEventOf(event, 'session') ? event.state : []))
    const mine = sessions.filter((session) => session.runnerId === runnerId && wasLive(session))
    await Promise.all(
      mine.map(async ({ laneId }) => {
        try {
          const lane = (await log.last(laneId, 'lane'))?.state
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
    this.#held.get(event.laneId)?.deliver(event.payload.approval)
  }

  /** Hibernates every session and takes no more. */
  async stop(): Promise<void> {
    clearInterval(this.#idleTimer)
    await Promise.allSettled(this.#claiming.pending())
    await Promise.allSettled(this.#held.all().map((session) => session.hibernate('shutdown')))
    this.#ending.abort()
  }

  async #take(lane: LaneState, purpose: Purpose): Promise<SessionReply> {
    const { laneId } = lane
    const held = this.#held.get(laneId)
    if (held) return held.reply()
    const { runnerId, config } = this.#context
    const isFull = this.#held.size + this.#claiming.size >= config.BRIDGE_RUNNER_CAPACITY
    if (isFull && !this.#claiming.has(laneId)) throw new BridgeError('no_runner', `Runner ${runnerId} is full`)
    return await this.#claiming.run(laneId, () => this.#open(lane, purpose))
  }

  async #open(lane: LaneState, purpose: Purpose): Promise<SessionReply> {
    const { logger, config, launcher, runnerId } = this.#context
    const { laneId } = lane
    let session: LaneSession | undefined
    const lease = await this.#acquire(laneId, () => void session?.fence())
    try {
      const store = await this.#openStore(lane, (fault) => (fault === undefined ? void session?.fence() : session?.giveUp(fault)))
      endLeftover(store.state, logger)
      const lost = wasLive(store.state)
      while (await store.append((state) => settleLoss(state, RUNNER_GONE)));
      if (purpose === 'recover' && config.BRIDGE_RECOVERY === 'stop') {
        await lease.release()
        return { session: store.state, thread: null, seq: store.seq }
      }
      const epoch = Math.max(lease.epoch, store.state.epoch + 1)
      await store.append((state) => claimed(state, { epoch, runnerId, home: launcher.codexHome }, purpose))
      const cwd = await chooseWorkspace(this.#context, lane, store)
      session = new LaneSession({ runner: this.#context, lane, lease, store, cwd })
      void this.#releaseAtEnd(session)
      await session.start(purpose === 'recover' || lost)
      this.#held.add(session)
      logger.info({ laneId, epoch, purpose }, 'session live')
      return session.reply()
    } catch (error) {
      await lease.release()
      throw error
    }
  }

  /** @param onFenced see SessionStore */
  async #openStore(lane: LaneState, onFenced: (fault?: unknown) => void): Promise<SessionStore> {
    const version = await this.#store.load(lane.laneId)
    const append = { patienceMs: Number.POSITIVE_INFINITY, signal: this.#ending.signal }
    return new SessionStore(new OwnedAggregate(this.#store, version, append), sessionOf(lane, version.state), onFenced)
  }

  async #acquire(laneId: string, onLost: () => void): Promise<Lease> {
    for (const deadline = Date.now() + LEASE_WAIT_MS; ; await sleep(LEASE_RETRY_MS)) {
      const lease = await this.#context.leases.acquire(`lane.${laneId}`, onLost)
      if (lease) return lease
      if (Date.now() > deadline || this.#ending.signal.aborted) throw new BridgeError('conflict', 'Another runner holds the lane')
    }
  }

  async #releaseAtEnd(session: LaneSession): Promise<void> {
    const how: SessionEnd = await session.ended
    const { lane, lease } = session.context
    this.#held.remove(session)
    void lease.release()
    if (how !== 'lost' || this.#context.config.BRIDGE_RECOVERY === 'stop' || this.#ending.signal.aborted) return
    await this.#afterLoss(lane)
  }

  /** Resumes after a loss, unless the lane keeps being lost. */
  async #afterLoss(lane: LaneState): Promise<void> {
    const { laneId } = lane
    const since = Date.now() - LOSS_WINDOW_MS
    const losses = [...(this.#losses.get(laneId) ?? []).filter((at) => at > since), Date.now()]
    this.#losses.set(laneId, losses)
    try {
      if (losses.length <= MAX_LOSSES) await this.#take(lane, 'recover')
      else {
        const reason: StatusReason = {
          code: 'crash_loop',
          message: `Lost ${losses.length} times within ${LOSS_WINDOW_MS / 60_000} minutes; start it again by hand`,
        }
        await this.#store.transact(laneId, ({ state }) => (state?.phase === 'lost' ? stopped(state, 'start_failed', reason) : undefined))
      }
    } catch (error) {
      this.#context.logger.error({ laneId, err: error }, 'lost session not recovered')
    }
  }

  #hibernateIdle(limitMs: number): void {
    for (const session of this.#held.all()) {
      if (session.idleMs() <= limitMs) continue
      void session.hibernate('idle').catch((error: unknown) => session.context.log.warn({ err: error }, 'idle session not hibernated'))
    }
  }
}

const wasLive = ({ phase }: SessionState): boolean => phase === 'live' || phase === 'claimed'
