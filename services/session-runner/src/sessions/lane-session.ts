import type { Endpoints, Lease } from '@codex-bridge/bus'
import type { AppServerProcess } from '@codex-bridge/codex-client'
import {
  type Approval,
  BridgeError,
  type LaneState,
  type RequestOf,
  type SessionReply,
  type Sessions,
  type StatusReason,
  type ThreadSummary,
} from '@codex-bridge/contracts'
import { ServerRequests } from '../approvals/server-requests.ts'
import { DeltaCoalescer } from '../codex/delta-coalescer.ts'
import { NotificationRecorder } from '../codex/notification-recorder.ts'
import { workingSubAgents } from '../sub-agents/sub-agent-decider.ts'
import { SubAgentTracker } from '../sub-agents/sub-agent-tracker.ts'
import { callOn } from '../threads/detached-threads.ts'
import { type LoadedThread, ThreadLoader } from '../threads/thread-loader.ts'
import { ThreadRetrier } from '../threads/thread-retrier.ts'
import { StallHandler } from '../turns/stall-handler.ts'
import { TurnCommands } from '../turns/turn-commands.ts'
import { type Ending, TurnInterrupter } from '../turns/turn-interrupter.ts'
import { TurnVerifier } from '../turns/turn-verifier.ts'
import { TurnWatchdogs } from '../turns/turn-watchdogs.ts'
import { storeEnd } from './session-closing.ts'
import { hibernated, type SessionDraft, settleLoss, started, stopped, usageUpdated } from './session-decider.ts'
import type { SessionSettings } from './session-settings.ts'
import type { SessionStore } from './session-store.ts'

export type SessionOptions = SessionSettings & {
  /** Puts the session's commands on the bus. */
  serve: (session: LaneSession) => Endpoints
  /** The session has no process any more; `lost` sessions may be resumed. */
  onEnded: (session: LaneSession, how: 'stopped' | 'lost' | 'fenced') => void
}

/** How long a stop waits for an interrupted turn to say so, in milliseconds. */
const STOP_TURN_PATIENCE_MS = 5000
const POLL_MS = 20

const now = (): string => new Date().toISOString()

type Phase = 'starting' | 'live' | 'ending' | 'over'

/** One live session: an app-server process, its thread, and everything that passes between Codex and the event log. */
export class LaneSession {
  readonly #options: SessionOptions
  readonly #record: SessionStore
  readonly #deltas: DeltaCoalescer
  readonly #notifications: NotificationRecorder
  readonly #stalls: TurnWatchdogs
  readonly #stalled: StallHandler
  readonly #verifier: TurnVerifier
  readonly #subAgents: SubAgentTracker
  readonly #desk: ServerRequests
  #server: AppServerProcess | undefined
  #commands: TurnCommands | undefined
  #ender: TurnInterrupter | undefined
  #loader: ThreadLoader | undefined
  #endpoints: Endpoints | undefined
  #thread: ThreadSummary | null = null
  #readiness: ThreadRetrier | undefined
  #phase: Phase = 'starting'
  #ending: Ending | undefined
  #stopping: Promise<SessionReply> | undefined
  #activityAt = Date.now()

  constructor(options: SessionOptions) {
    this.#options = options
    this.#record = options.record
    this.#deltas = new DeltaCoalescer(options.publishDelta)
    const note: SessionStore['appendLater'] = (decide) => this.#note(decide)
    this.#stalls = new TurnWatchdogs(options.watchdog, (threadId, stall) => void this.#stalled.stalled(threadId, stall))
    this.#stalled = new StallHandler({
      laneId: this.laneId,
      record: options.record,
      note,
      logger: options.logger,
      ender: () => this.#ender,
      isOwn: (threadId) => threadId === this.#thread?.id,
      isLive: () => this.#phase === 'live',
      endProcess: () => void this.#server?.stop(),
    })
    this.#verifier = new TurnVerifier({
      record: options.record,
      note,
      commands: options.lane.verificationCommands,
      cwd: options.cwd,
      timeoutMs: options.verificationTimeoutMs,
      peer: () => (this.#phase === 'live' ? this.#server?.peer : undefined),
      finalMessage: () => this.#notifications.finalMessage,
      brokenOffBy: () => this.#ending?.record,
    })
    this.#subAgents = new SubAgentTracker({
      note,
      read: (threadId) => this.call({ method: 'thread/read', params: { threadId } }),
      now,
    })
    this.#notifications = new NotificationRecorder({
      record: (decide, yields) => this.#note(decide, yields),
      delta: (method, params) => this.#deltas.add(method, params),
      ending: () => this.#ending ?? { cause: null },
      verifies: () => options.lane.verificationCommands.length > 0,
      now,
    })
    this.#desk = new ServerRequests({
      peer: () => this.#server?.peer,
      state: () => this.#record.state,
      note,
      item: (itemId) => this.#notifications.item(itemId),
      onWaiting: (threadIds) => this.#stalls.asking(threadIds),
    })
  }

  get laneId(): string {
    return this.#options.lane.laneId
  }

  get lane(): LaneState {
    return this.#options.lane
  }

  get lease(): Lease {
    return this.#options.lease
  }

  /** Thread that this session's process surely has loaded. */
  get loadedThreadId(): string | null {
    const { threadId, readinessDeferred } = this.#record.state
    return this.#phase === 'live' && !readinessDeferred ? threadId : null
  }

  /** Milliseconds without anything to do; 0 while a turn, a sub-agent, a question or a verification is open, or the thread is waited for. */
  idleMs(): number {
    const { state } = this.#record
    const open = state.activeTurn || state.verifying || state.requests.length > 0 || workingSubAgents(state).length > 0
    const busy = this.#phase !== 'live' || open || state.readinessDeferred
    return busy ? 0 : Date.now() - this.#activityAt
  }

  reply(): SessionReply {
    return { session: this.#record.state, thread: this.#thread, seq: this.#record.seq }
  }

  /** Brings up process and thread and says so in the log. @throws BridgeError; the log then has the session as stopped */
  async start(recovered: boolean): Promise<void> {
    try {
      const server = await this.#options.launch({
        onNotification: (method, params) => this.#notified(method, (params ?? {}) as Record<string, unknown>),
        onRequest: ({ id, method, params }) => this.#desk.asked(id, method, (params ?? {}) as Record<string, unknown>),
      })
      this.#server = server
      void server.exited.then((exit) => this.#exited(exit))
      const loader = new ThreadLoader({ server, lane: this.lane, cwd: this.#options.cwd, ...this.#options.threads })
      this.#loader = loader
      const loaded = await loader.load(this.#record.state)
      this.#thread = loaded.thread
      const process = { record: this.#record, server, rpcTimeoutMs: this.#options.rpcTimeoutMs }
      const ender = new TurnInterrupter({
        ...process,
        onEnding: (why) => {
          this.#ending = why
        },
        onSubAgentEnds: (turnId) => this.#desk.turnEnded(turnId),
      })
      this.#ender = ender
      this.#commands = new TurnCommands({
        ...process,
        ender,
        now,
        onRequested: () => this.#turnBegins(),
        endVerification: () => this.#verifier.abort(),
        reload: () => this.#reload(),
      })
      await this.#record.append((state) =>
        started(
          state,
          {
            process: { host: this.#options.host, pid: server.pid, startTime: server.startTimeTicks ?? null },
            codexVersion: server.codexVersion ?? null,
            threadId: loaded.thread.id,
            threadStored: loaded.stored,
            readiness: loaded.readiness,
            settings: loaded.settings,
            startedAt: now(),
            ...(loaded.replacedThreadId !== undefined && { replacedThreadId: loaded.replacedThreadId }),
          },
          recovered,
        ),
      )
      if (this.#phase !== 'starting') throw new BridgeError('codex_unavailable', 'The app-server ended while it started')
      this.#phase = 'live'
      this.#endpoints = this.#options.serve(this)
      if (loaded.readiness.deferred) this.#awaitThread(loader)
    } catch (error) {
      await this.#failStart(BridgeError.from(error))
      throw error
    }
  }

  prompt(request: RequestOf<typeof Sessions.prompt>) {
    return this.#live().prompt(request)
  }

  steer(request: RequestOf<typeof Sessions.steer>) {
    return this.#live().steer(request)
  }

  async interrupt(request: RequestOf<typeof Sessions.interrupt>) {
    const receipt = await this.#live().interrupt(request)
    if (this.#record.state.activeTurn) this.#stalled.endUnlessOver(receipt.turnId)
    return receipt
  }

  /** An app-server call on this session's process. @throws BridgeError */
  async call({ method, params }: RequestOf<typeof Sessions.call>): Promise<unknown> {
    this.#live()
    const { rpcTimeoutMs: timeoutMs, originators } = this.#options
    const call = { method, params, timeoutMs, reload: () => this.#reload() }
    return await originators.complete(await callOn(this.#server as AppServerProcess, call))
  }

  /** Ends the session: interrupts the turn, ends the process, says so in the log. Repeating it waits for the same end. */
  stop({ commandId }: RequestOf<typeof Sessions.stop>): Promise<SessionReply> {
    this.#stopping ??= this.#shutDown('session_stopped', (state) => stopped(state, 'command', null, commandId))
    return this.#stopping
  }

  /** As stop, but the session wakes with the next prompt. */
  hibernate(why: 'idle' | 'shutdown'): Promise<SessionReply> {
    this.#stopping ??= this.#shutDown(why, (state) => hibernated(state, why))
    return this.#stopping
  }

  /** Carries a decision to Codex, if Codex still waits for it. */
  deliver(approval: Approval): void {
    this.#desk.deliver(approval)
  }

  /** Another owner has the lane: end the process and touch nothing more. */
  async fence(): Promise<void> {
    if (this.#phase === 'over') return
    this.#options.logger.warn({ laneId: this.laneId }, 'fenced: another runner owns the lane')
    this.#close()
    await this.#server?.stop({ graceMs: 500 })
    this.#options.onEnded(this, 'fenced')
  }

  /** A fact could not be stored through a fault of ours: ends the process, and the session is recovered as after any loss. */
  giveUp(fault: unknown): void {
    this.#options.logger.error({ laneId: this.laneId, err: fault }, 'session given up')
    void this.#server?.stop()
  }

  #live(): TurnCommands {
    if (!this.#commands || this.#phase !== 'live') throw new BridgeError('fenced', 'The session is ending')
    if (this.lease.state() === 'lost') throw new BridgeError('fenced')
    this.#activityAt = Date.now()
    return this.#commands
  }

  #awaitThread(loader: ThreadLoader): void {
    const onReady = ({ thread }: LoadedThread) => {
      this.#thread = thread
      this.#activityAt = Date.now()
    }
    const { readinessRetryMs, logger } = this.#options
    this.#readiness = new ThreadRetrier({ loader, record: this.#record, retryMs: readinessRetryMs, logger, onReady })
    this.#readiness.start()
  }

  async #reload(): Promise<void> {
    await this.#loader?.reload(this.#record.state)
  }

  #note(decide: Parameters<SessionStore['appendLater']>[0], yields = false): void {
    if (this.#phase === 'over') return
    if (yields) this.#record.appendLowPriority(decide)
    else this.#record.appendLater(decide)
  }

  #notified(method: string, params: Record<string, unknown>): void {
    this.#activityAt = Date.now()
    const { threadId } = params
    const isOwn = typeof threadId === 'string' && threadId === this.#thread?.id
    this.#stalls.noticed(method, params)
    if (typeof threadId === 'string' && !isOwn) this.#ofSubAgent(method, threadId, params)
    this.#notifications.accept(method, params, isOwn)
    if (method === 'serverRequest/resolved') this.#desk.resolved(params['requestId'])
    if (method !== 'turn/completed') return
    const turnId = String((params['turn'] as { id?: unknown } | undefined)?.id)
    if (isOwn) this.#turnEnded(turnId)
    else this.#desk.turnEnded(turnId)
  }

  /** Codex talks about every thread of its process. Those that are not the lane's are its sub-agents. */
  #ofSubAgent(method: string, threadId: string, params: Record<string, unknown>): void {
    if (method === 'turn/started') this.#stalls.begin(threadId)
    if (method === 'turn/completed') this.#stalls.end(threadId)
    this.#subAgents.accept(method, threadId, params)
  }

  #turnBegins(): void {
    this.#ending = undefined
    if (this.#thread) this.#stalls.begin(this.#thread.id)
  }

  #turnEnded(turnId: string): void {
    if (this.#thread) this.#stalls.end(this.#thread.id)
    this.#deltas.flush()
    this.#ending = undefined
    const { usage } = this.#notifications
    if (usage !== null) this.#note((state) => usageUpdated(state, usage, turnId))
    this.#desk.turnEnded(turnId)
    void this.#verifier.verify()
  }

  async #exited(exit: { code: number | null; signal: string | null }): Promise<void> {
    if (this.#phase === 'ending' || this.#phase === 'over') return
    this.#readiness?.stop()
    const wasLive = this.#phase === 'live'
    this.#phase = 'ending'
    const message = `codex app-server ended (${exit.signal ?? `exit code ${exit.code}`})`
    this.#options.logger.warn({ laneId: this.laneId, exit, stderr: this.#server?.stderrTail().slice(-1000) }, 'app-server ended by itself')
    if (!wasLive) return
    const reason: StatusReason = { code: 'process_exited', message, details: exit }
    try {
      while (await this.#record.append((state) => settleLoss(state, reason)));
      this.#close()
      this.#options.onEnded(this, 'lost')
    } catch {
      await this.fence()
    }
  }

  async #shutDown(cause: string, last: (state: Parameters<typeof hibernated>[0]) => SessionDraft): Promise<SessionReply> {
    this.#verifier.abort()
    if (this.#record.state.activeTurn) {
      await this.#ender?.end({ cause }).catch(() => undefined)
      const deadline = Date.now() + STOP_TURN_PATIENCE_MS
      while (this.#record.state.activeTurn && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    this.#phase = 'ending'
    this.#readiness?.stop()
    await this.#server?.stop()
    const { finalMessage, usage } = this.#notifications
    await storeEnd(this.#record, { cause, finalMessage, usage }, last)
    this.#close()
    this.#options.onEnded(this, 'stopped')
    return this.reply()
  }

  async #failStart(error: BridgeError): Promise<void> {
    this.#phase = 'ending'
    await this.#server?.stop()
    const details = error.details as { reason?: unknown } | undefined
    const code = typeof details?.reason === 'string' ? details.reason : error.code
    const reason: StatusReason = { code, message: error.message, ...(details !== undefined && { details }) }
    await this.#record.append((state) => stopped(state, 'start_failed', reason)).catch(() => undefined)
    this.#close()
    this.#options.onEnded(this, 'stopped')
  }

  /** Off the bus, without waiting for the request that may be the cause of it. */
  #close(): void {
    this.#phase = 'over'
    this.#readiness?.stop()
    this.#stalls.endAll()
    this.#deltas.flush()
    void this.#endpoints?.stop(0)
  }
}
