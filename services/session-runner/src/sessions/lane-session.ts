import type { Endpoints } from '@codex-bridge/bus'
import { isObject, type JsonObject } from '@codex-bridge/codex-client'
import {
  type Approval,
  BridgeError,
  type RequestOf,
  type SessionReply,
  type SessionState,
  type Sessions,
  type StatusReason,
} from '@codex-bridge/contracts'
import { poll } from '@codex-bridge/platform'
import { deliverDecision, raiseRequest } from '../approvals/server-requests.ts'
import { handleNotification } from '../codex/notification-handler.ts'
import { workingSubAgents } from '../sub-agents/sub-agent-decider.ts'
import { type LoadedThread, loadThread } from '../threads/thread-loader.ts'
import { ThreadRetrier } from '../threads/thread-retrier.ts'
import { handleStall } from '../turns/stall-handler.ts'
import { interruptTurn } from '../turns/turn-interrupter.ts'
import { storeEnd } from './session-closing.ts'
import { SessionContext, type SessionParts } from './session-context.ts'
import { hibernated, type SessionDraft, settleLoss, started, stopped } from './session-decider.ts'
import { serveSession } from './session-endpoints.ts'

/** How long a stop waits for an interrupted turn to end. */
const TURN_END = { timeoutMs: 5000, everyMs: 20 }

/** Time from the end of its stdin to SIGTERM for the process of a fenced session, in milliseconds. */
const FENCED_GRACE_MS = 500

/** How a session ended. A `lost` one may be resumed. */
export type SessionEnd = 'stopped' | 'lost' | 'fenced'

/** The life of one session: its app-server process comes up, serves commands, and ends. */
export class LaneSession {
  readonly context: SessionContext
  /** Resolves once the session has no process any more and stores nothing more. */
  readonly ended: Promise<SessionEnd>
  #end: (how: SessionEnd) => void = () => undefined
  readonly #retrier: ThreadRetrier
  #endpoints: Endpoints | undefined
  #stopping: Promise<SessionReply> | undefined

  constructor(parts: SessionParts) {
    this.context = new SessionContext(parts)
    this.#retrier = new ThreadRetrier(this.context)
    this.context.watchdogs.onStall((threadId, stall) => void handleStall(this.context, threadId, stall))
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  get laneId(): string {
    return this.context.lane.laneId
  }

  /** The thread that this session's process certainly has loaded. */
  get loadedThreadId(): string | null {
    const { phase, store } = this.context
    return phase === 'live' && !store.state.readinessDeferred ? store.state.threadId : null
  }

  /** Milliseconds of idleness; 0 while a turn, sub-agent, request or verification is open, or the thread is not ready. */
  idleMs(): number {
    const { state } = this.context.store
    const open = state.activeTurn || state.verifying || state.requests.length > 0 || workingSubAgents(state).length > 0
    const busy = this.context.phase !== 'live' || open || state.readinessDeferred
    return busy ? 0 : this.context.quietMs
  }

  reply(): SessionReply {
    const { store, thread } = this.context
    return { session: store.state, thread, seq: store.seq }
  }

  /** The context for a command. @throws BridgeError `fenced` when the session takes none */
  live(): SessionContext {
    const { context } = this
    if (context.phase !== 'live') throw new BridgeError('fenced', 'The session is ending')
    if (context.lease.state() === 'lost') throw new BridgeError('fenced')
    context.touch()
    return context
  }

  /** Starts the process, loads the thread, and stores that. @throws BridgeError; the session is then stored as stopped */
  async start(recovered: boolean): Promise<void> {
    const { context } = this
    try {
      await this.#launch()
      const loaded = await loadThread(context)
      context.thread = loaded.thread
      await context.store.append((state) => started(state, this.#startedFacts(loaded), recovered))
      if (context.phase !== 'starting') throw new BridgeError('codex_unavailable', 'The app-server ended while it started')
      context.phase = 'live'
      this.#endpoints = serveSession(this)
      if (loaded.readiness.deferred) this.#retrier.start()
    } catch (error) {
      await this.#failStart(BridgeError.from(error))
      throw error
    }
  }

  /** Ends the session: interrupts the turn, ends the process, and stores that. Repeated calls wait for the same end. */
  stop({ commandId }: RequestOf<typeof Sessions.stop>): Promise<SessionReply> {
    this.#stopping ??= this.#shutDown('session_stopped', (state) => stopped(state, 'command', null, commandId))
    return this.#stopping
  }

  /** Like stop, but the next prompt wakes the session. */
  hibernate(why: 'idle' | 'shutdown'): Promise<SessionReply> {
    this.#stopping ??= this.#shutDown(why, (state) => hibernated(state, why))
    return this.#stopping
  }

  /** Passes a decision on to Codex if it still waits for it. */
  deliver(approval: Approval): void {
    deliverDecision(this.context, approval)
  }

  /** Another owner has the lane: ends the process and stores nothing more. */
  async fence(): Promise<void> {
    const { context } = this
    if (context.phase === 'over') return
    context.log.warn('fenced: another runner owns the lane')
    this.#close()
    await context.appServer?.stop({ graceMs: FENCED_GRACE_MS })
    this.#end('fenced')
  }

  /** A fact could not be stored because of an internal error: ends the process, and the session is recovered as after any loss. */
  giveUp(fault: unknown): void {
    this.context.log.error({ err: fault }, 'session given up')
    void this.context.appServer?.stop()
  }

  async #launch(): Promise<void> {
    const { context } = this
    const server = await context.runner.launcher.start(context.cwd, {
      onNotification: (method, params) => handleNotification(context, method, objectOf(params)),
      onRequest: ({ id, method, params }) => raiseRequest(context, id, method, objectOf(params)),
    })
    context.appServer = server
    void server.exited.then((exit) => this.#exited(exit))
  }

  #startedFacts({ thread, stored, readiness, settings, replacedThreadId }: LoadedThread): Parameters<typeof started>[1] {
    const { server, now } = this.context
    return {
      process: server.identity,
      codexVersion: server.codexVersion ?? null,
      threadId: thread.id,
      threadStored: stored,
      readiness,
      settings,
      startedAt: now,
      ...(replacedThreadId !== undefined && { replacedThreadId }),
    }
  }

  async #exited(exit: { code: number | null; signal: string | null }): Promise<void> {
    const { context } = this
    const { phase, store, log, server } = context
    if (phase === 'ending' || phase === 'over') return
    this.#retrier.stop()
    context.phase = 'ending'
    log.warn({ exit, stderr: server.stderrTail().slice(-1000) }, 'app-server ended unexpectedly')
    if (phase !== 'live') return
    const message = `codex app-server ended (${exit.signal ?? `exit code ${exit.code}`})`
    const reason: StatusReason = { code: 'process_exited', message, details: exit }
    try {
      while (await store.append((state) => settleLoss(state, reason)));
      this.#close()
      this.#end('lost')
    } catch (error) {
      log.warn({ err: error }, 'loss of the session not stored')
      await this.fence()
    }
  }

  async #shutDown(cause: string, last: (state: SessionState) => SessionDraft): Promise<SessionReply> {
    const { context } = this
    const { store, log, turn } = context
    context.verification?.abort()
    if (store.state.activeTurn) {
      // Whatever Codex answers, its process is ended below and the turn with it.
      await interruptTurn(context, { cause }).catch((error: unknown) =>
        log.warn({ err: error }, 'turn of an ending session not interrupted'),
      )
      await poll(() => !store.state.activeTurn, TURN_END)
    }
    context.phase = 'ending'
    this.#retrier.stop()
    await context.appServer?.stop()
    await storeEnd(store, { cause, finalMessage: turn.finalMessage, usage: turn.usage }, last)
    this.#close()
    this.#end('stopped')
    return this.reply()
  }

  async #failStart(error: BridgeError): Promise<void> {
    const { context } = this
    context.phase = 'ending'
    await context.appServer?.stop()
    const details = error.details as { reason?: unknown } | undefined
    const code = typeof details?.reason === 'string' ? details.reason : error.code
    const reason: StatusReason = { code, message: error.message, ...(details !== undefined && { details }) }
    await context.store
      .append((state) => stopped(state, 'start_failed', reason))
      .catch((cause: unknown) => context.log.warn({ err: cause, reason }, 'failed start not stored'))
    this.#close()
    this.#end('stopped')
  }

  /** Takes the session off the bus, without waiting for the request that may have caused its end. */
  #close(): void {
    const { context } = this
    context.phase = 'over'
    context.store.close()
    this.#retrier.stop()
    context.watchdogs.endAll()
    context.deltas.flush()
    void this.#endpoints?.stop(0)
  }
}

const objectOf = (params: unknown): JsonObject => (isObject(params) ? params : {})
