import { type Lease, publishDelta } from '@codex-bridge/bus'
import type { AppServerProcess } from '@codex-bridge/codex-client'
import { BridgeError, type LaneState, type ThreadSummary } from '@codex-bridge/contracts'
import { SerialQueue } from '@codex-bridge/platform'
import type { Logger } from '@codex-bridge/service-kit'
import { PendingRequests } from '../approvals/pending-requests.ts'
import { DeltaCoalescer } from '../codex/delta-coalescer.ts'
import type { RunnerContext } from '../runner-context.ts'
import { TurnProgress } from '../turns/turn-progress.ts'
import { TurnWatchdogs } from '../turns/turn-watchdogs.ts'
import type { SessionStore } from './session-store.ts'

export type SessionParts = { runner: RunnerContext; lane: LaneState; lease: Lease; store: SessionStore; cwd: string }

/** `over`: nothing is stored any more. */
export type SessionPhase = 'starting' | 'live' | 'ending' | 'over'

/**
 * Everything about one session of a lane: what it is made of, and what is known of it beyond the stored state. The modules under
 * turns/, approvals/, sub-agents/, threads/ and codex/ take it as their first argument and keep no state of their own.
 */
export class SessionContext {
  readonly runner: RunnerContext
  readonly lane: LaneState
  readonly lease: Lease
  /** The session aggregate. */
  readonly store: SessionStore
  /** Working folder of the app-server. */
  readonly cwd: string
  readonly log: Logger
  /** The lane's own turn: its message and usage so far, and why the bridge ends it. */
  readonly turn = new TurnProgress()
  /** What Codex asked and waits for. */
  readonly requests = new PendingRequests()
  /** Sub-agents whose names were asked for. */
  readonly namedSubAgents = new Set<string>()
  /** Prompts and steers run one at a time. */
  readonly commands = new SerialQueue()
  readonly deltas: DeltaCoalescer
  readonly watchdogs: TurnWatchdogs
  phase: SessionPhase = 'starting'
  /** Undefined until it was launched; stays set when the process has ended. */
  appServer: AppServerProcess | undefined
  thread: ThreadSummary | null = null
  /** Aborts the verification that runs. */
  verification: AbortController | undefined
  #activeAt = Date.now()

  constructor({ runner, lane, lease, store, cwd }: SessionParts) {
    this.runner = runner
    this.lane = lane
    this.lease = lease
    this.store = store
    this.cwd = cwd
    this.log = runner.logger.child({ laneId: lane.laneId })
    const { laneId } = lane
    this.deltas = new DeltaCoalescer((delta) => publishDelta(runner.bus, laneId, { laneId, ...delta }))
    const { BRIDGE_TURN_STALL_SEC, BRIDGE_TURN_RETRY_SEC } = runner.config
    this.watchdogs = new TurnWatchdogs({ stallMs: BRIDGE_TURN_STALL_SEC * 1000, retryMs: BRIDGE_TURN_RETRY_SEC * 1000 })
  }

  /** The app-server. @throws BridgeError `codex_unavailable` before it was launched */
  get server(): AppServerProcess {
    if (!this.appServer) throw new BridgeError('codex_unavailable', 'The session has no app-server yet')
    return this.appServer
  }

  /** The current time, as events carry it. */
  get now(): string {
    return new Date().toISOString()
  }

  /** Whether a thread is the lane's own. Codex also reports on its sub-agents' threads. */
  isOwnThread(threadId: string): boolean {
    return threadId === this.thread?.id
  }

  /** Something happened: the session is not idle. */
  touch(): void {
    this.#activeAt = Date.now()
  }

  /** Milliseconds since something happened. */
  get quietMs(): number {
    return Date.now() - this.#activeAt
  }
}
