import type { Endpoints, Lease } from '@codex-bridge/bus'
import type { AppServerProcess, RpcPeerOptions } from '@codex-bridge/codex-client'
import {
  type Approval,
  BridgeError,
  type LaneState,
  type SessionReply,
  type SessionRequest,
  type StatusReason,
  type ThreadSummary,
} from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import { callOn } from './codex.pool.ts'
import { type Delta, DeltaCoalescer } from './delta.coalescer.ts'
import { NotificationRecorder } from './notification.recorder.ts'
import { ReadinessKeeper } from './readiness.keeper.ts'
import { RequestDesk } from './request.desk.ts'
import {
  hibernated,
  type SessionDraft,
  settleLoss,
  started,
  stopped,
  turnCompleted,
  turnStalled,
  usageUpdated,
  verificationCompleted,
  verificationStarted,
} from './session.decider.ts'
import type { SessionRecord } from './session.record.ts'
import { type LoadedThread, type LoaderOptions, ThreadLoader } from './thread.loader.ts'
import type { OriginatorReader } from './thread.originator.ts'
import { type Ending, TurnCommands } from './turn.commands.ts'
import { type Stall, TurnWatchdog, type WatchdogLimits } from './turn.watchdog.ts'
import { runVerification } from './verification.runner.ts'

export type SessionOptions = {
  lane: LaneState
  lease: Lease
  record: SessionRecord
  cwd: string
  logger: Logger
  host: string
  rpcTimeoutMs: number
  readinessRetryMs: number
  /** How threads are taken over. */
  threads: Pick<LoaderOptions, 'takeover' | 'holderOf' | 'assertAllowed'>
  originators: OriginatorReader
  watchdog: WatchdogLimits
  verificationTimeoutMs: number
  /** Starts an app-server whose messages go to the given handlers. */
  launch: (peer: Omit<RpcPeerOptions, 'readable' | 'writable'>) => Promise<AppServerProcess>
  publishDelta: (delta: Delta) => void
  /** Puts the session's commands on the bus. */
  serve: (session: LaneSession) => Endpoints
  /** The session has no process any more; `lost` sessions may be resumed. */
  onEnded: (session: LaneSession, how: 'stopped' | 'lost' | 'fenced') => void
}

/** How long a stop waits for an interrupted turn to say so, and an interrupted turn may take before its process is ended, in milliseconds. */
const STOP_TURN_PATIENCE_MS = 5000
const INTERRUPT_PATIENCE_MS = 15_000
const POLL_MS = 20

const now = (): string => new Date().toISOString()

type Phase = 'starting' | 'live' | 'ending' | 'over'

/** One live session: an app-server process, its thread, and everything that passes between Codex and the event log. */
export class LaneSession {
  readonly #options: SessionOptions
  readonly #record: SessionRecord
  readonly #deltas: DeltaCoalescer
  readonly #notifications: NotificationRecorder
  readonly #watchdog: TurnWatchdog
  readonly #desk: RequestDesk
  #server: AppServerProcess | undefined
  #commands: TurnCommands | undefined
  #loader: ThreadLoader | undefined
  #endpoints: Endpoints | undefined
  #thread: ThreadSummary | null = null
  #readiness: ReadinessKeeper | undefined
  #phase: Phase = 'starting'
  #ending: Ending | undefined
  #verification: AbortController | undefined
  #stopping: Promise<SessionReply> | undefined
  #activityAt = Date.now()

  constructor(options: SessionOptions) {
    this.#options = options
    this.#record = options.record
    this.#deltas = new DeltaCoalescer(options.publishDelta)
    this.#watchdog = new TurnWatchdog(options.watchdog, (stall) => void this.#stalled(stall))
    this.#notifications = new NotificationRecorder({
      record: (decide) => this.#note(decide),
      delta: (method, params) => this.#deltas.add(method, params),
      ending: () => this.#ending ?? { cause: null },
      verifies: () => options.lane.verificationCommands.length > 0,
      now,
    })
    this.#desk = new RequestDesk({
      peer: () => this.#server?.peer,
      state: () => this.#record.state,
      note: (decide) => this.#note(decide),
      item: (itemId) => this.#notifications.item(itemId),
      onWaiting: (waiting) => this.#watchdog.waitingForPerson(waiting),
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

  /** Milliseconds without anything to do; 0 while a turn, a question or a verification is open, or the thread is waited for. */
  idleMs(): number {
    const { activeTurn, verifying, requests, readinessDeferred } = this.#record.state
    const busy = this.#phase !== 'live' || activeTurn || verifying || requests.length > 0 || readinessDeferred
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
      this.#commands = new TurnCommands({
        record: this.#record,
        server,
        rpcTimeoutMs: this.#options.rpcTimeoutMs,
        now,
        onRequested: () => this.#turnBegins(),
        onEnding: (why) => {
          this.#ending = why
        },
        endVerification: () => this.#verification?.abort(),
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

  prompt(request: SessionRequest<'prompt'>) {
    return this.#live().prompt(request)
  }

  steer(request: SessionRequest<'steer'>) {
    return this.#live().steer(request)
  }

  async interrupt(request: SessionRequest<'interrupt'>) {
    const receipt = await this.#live().interrupt(request)
    this.#endUnlessOver(receipt.turnId)
    return receipt
  }

  /** An app-server call on this session's process. @throws BridgeError */
  async call({ method, params }: SessionRequest<'call'>): Promise<unknown> {
    this.#live()
    const { rpcTimeoutMs: timeoutMs, originators } = this.#options
    const call = { method, params, timeoutMs, reload: () => this.#reload() }
    return await originators.complete(await callOn(this.#server as AppServerProcess, call))
  }

  /** Ends the session: interrupts the turn, ends the process, says so in the log. Repeating it waits for the same end. */
  stop({ commandId }: SessionRequest<'stop'>): Promise<SessionReply> {
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
    this.#readiness = new ReadinessKeeper({ loader, record: this.#record, retryMs: readinessRetryMs, logger, onReady })
    this.#readiness.start()
  }

  async #reload(): Promise<void> {
    await this.#loader?.reload(this.#record.state)
  }

  #note(decide: Parameters<SessionRecord['note']>[0]): void {
    if (this.#phase !== 'over') this.#record.note(decide)
  }

  #notified(method: string, params: Record<string, unknown>): void {
    this.#activityAt = Date.now()
    const { threadId } = params
    const isOwn = typeof threadId === 'string' && threadId === this.#thread?.id
    if (method === 'error' && params['willRetry'] === true) this.#watchdog.retrying()
    else this.#watchdog.progress()
    this.#notifications.accept(method, params, isOwn)
    if (method === 'serverRequest/resolved') this.#desk.resolved(params['requestId'])
    if (method === 'turn/completed' && isOwn) this.#turnEnded(String((params['turn'] as { id?: unknown } | undefined)?.id))
  }

  #turnBegins(): void {
    this.#ending = undefined
    this.#watchdog.arm()
  }

  #turnEnded(turnId: string): void {
    this.#watchdog.disarm()
    this.#deltas.flush()
    this.#ending = undefined
    const { usage } = this.#notifications
    if (usage !== null) this.#note((state) => usageUpdated(state, usage, turnId))
    this.#desk.turnEnded(turnId)
    void this.#verify()
  }

  async #verify(): Promise<void> {
    const aborting = new AbortController()
    this.#verification = aborting
    await this.#record.settled()
    const commands = this.lane.verificationCommands
    if (!this.#record.state.verifying || !this.#server || this.#phase !== 'live') return
    const { finalMessage } = this.#notifications
    this.#note((state) => verificationStarted(state, commands))
    const options = { commands, cwd: this.#options.cwd, timeoutMs: this.#options.verificationTimeoutMs, signal: aborting.signal }
    const outcome = await runVerification(this.#server.peer, options)
    this.#verification = undefined
    const record = this.#ending?.record
    this.#note((state) => (state.verifying ? verificationCompleted(state, { ...outcome, finalMessage, record }) : undefined))
  }

  async #stalled({ kind, afterMs }: Stall): Promise<void> {
    const message = kind === 'no_progress' ? `No progress for ${afterMs} ms` : `Codex only retried for ${afterMs} ms`
    this.#options.logger.warn({ laneId: this.laneId, kind, afterMs }, 'turn stalled')
    this.#note((state) => (state.activeTurn ? turnStalled(state, { kind, afterMs, message }) : undefined))
    const turnId = this.#record.state.activeTurn?.turnId ?? null
    const failure: StatusReason = { code: 'turn_stalled', message }
    await this.#commands
      ?.end({ cause: 'stalled', failure })
      .catch((error: unknown) => this.#options.logger.warn({ err: error }, 'interrupt of a stalled turn'))
    this.#endUnlessOver(turnId)
  }

  /** An interrupt that Codex agreed to and did not carry out leaves one way: end the process. */
  #endUnlessOver(turnId: string | null): void {
    const timer = setTimeout(() => {
      const turn = this.#record.state.activeTurn
      if (this.#phase !== 'live' || !turn || (turnId !== null && turn.turnId !== turnId)) return
      this.#options.logger.warn({ laneId: this.laneId, turnId }, 'interrupted turn did not end')
      void this.#server?.stop()
    }, INTERRUPT_PATIENCE_MS)
    timer.unref()
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
    this.#verification?.abort()
    if (this.#record.state.activeTurn && this.#commands) {
      await this.#commands.end({ cause }).catch(() => undefined)
      const deadline = Date.now() + STOP_TURN_PATIENCE_MS
      while (this.#record.state.activeTurn && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    this.#phase = 'ending'
    this.#readiness?.stop()
    await this.#server?.stop()
    await this.#record.settled()
    const end = {
      status: 'interrupted',
      cause,
      error: null,
      finalMessage: this.#notifications.finalMessage,
      usage: this.#notifications.usage,
      verify: false,
    } as const
    await this.#record.append((state) => (state.activeTurn ? turnCompleted(state, end) : undefined))
    await this.#record.append((state) =>
      state.verifying ? verificationCompleted(state, { status: 'interrupted', results: [], finalMessage: null }) : undefined,
    )
    await this.#record.append(last)
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
    this.#watchdog.disarm()
    this.#deltas.flush()
    void this.#endpoints?.stop(0)
  }
}
