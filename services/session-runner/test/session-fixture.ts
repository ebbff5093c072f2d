import type { Lease } from '@codex-bridge/bus'
import { type AppServerProcess, RpcError } from '@codex-bridge/codex-client'
import type { LaneState, SessionEvent, SessionState } from '@codex-bridge/contracts'
import { createLogger } from '@codex-bridge/service-kit'
import type { Delta } from '../src/codex/delta-coalescer.ts'
import type { RunnerConfig } from '../src/config.ts'
import type { RunnerContext } from '../src/runner-context.ts'
import { SessionContext } from '../src/sessions/session-context.ts'
import type { SessionDraft } from '../src/sessions/session-decider.ts'
import { SessionStore } from '../src/sessions/session-store.ts'
import { NOW, sessionState } from './session-builders.ts'

/** A session aggregate in memory, which applies every decision at once. */
class MemoryAggregate {
  state: SessionState
  drafts: SessionDraft[] = []
  readonly fenced = false
  readonly waiting = 0

  constructor(state: SessionState) {
    this.state = state
  }

  get seq(): number {
    return this.drafts.length
  }

  // Not async: what was decided is visible at once.
  update(decide: (state: SessionState | undefined) => SessionDraft | undefined): Promise<SessionEvent | undefined> {
    const draft = decide(this.state)
    if (!draft) return Promise.resolve(undefined)
    this.drafts.push(draft)
    this.state = draft.state
    return Promise.resolve({ ...draft, id: `evt_${this.seq}`, ts: NOW, seq: this.seq } as SessionEvent)
  }

  async settled(): Promise<void> {
    await Promise.resolve()
  }
}

/** Answers of an app-server to requests of one method, in order: results, or errors to fail with. */
export type Answers = Record<string, unknown[]>

export type SessionFixture = {
  context: SessionContext
  aggregate: MemoryAggregate
  /** Requests that Codex got, in order. */
  calls: { method: string; params: unknown }[]
  /** Deltas that were published. */
  deltas: Delta[]
  /** Answers that Codex got to its own requests. */
  responses: { id: number | string; result?: unknown; error?: { code: number } }[]
}

/** A live session over a scripted app-server and an aggregate in memory. */
export const sessionFixture = (state: Partial<SessionState> = {}, lane: Partial<LaneState> = {}, answers: Answers = {}): SessionFixture => {
  const initial = sessionState({ phase: 'live', epoch: 1, threadId: 'own', ...state })
  const aggregate = new MemoryAggregate(initial)
  const calls: SessionFixture['calls'] = []
  const deltas: Delta[] = []
  const responses: SessionFixture['responses'] = []
  const config: Partial<RunnerConfig> = { BRIDGE_TURN_STALL_SEC: 0, BRIDGE_TURN_RETRY_SEC: 0, BRIDGE_READINESS_RETRY_MS: 1000 }
  const runner = {
    config,
    logger: createLogger('test', 'test', 'silent'),
    scanner: { holderOf: () => null },
    workspaces: { assertAllowed: () => undefined },
    bus: { connected: () => true, nc: { publish: (_subject: string, text: string) => deltas.push(JSON.parse(text) as Delta) } },
  } as unknown as RunnerContext
  const parts = { laneId: initial.laneId, incarnation: initial.incarnation, model: null, worktreePath: null, repoRoot: null }
  const context = new SessionContext({
    runner,
    lane: { ...parts, verificationCommands: [], readinessMode: 'lenient', ...lane } as unknown as LaneState,
    lease: { state: () => 'held' } as unknown as Lease,
    store: new SessionStore(aggregate, initial, (fault) => {
      throw fault ?? new Error('fenced')
    }),
    cwd: '/w',
  })
  context.phase = 'live'
  context.thread = { id: initial.threadId ?? 'own', name: null, cwd: '/w' }
  const thread = { id: 'thread', parentThreadId: null }
  const usual: Record<string, unknown> = { 'thread/read': { thread }, 'turn/start': { turn: { id: 'turn-1' } } }
  const call = (method: string, params: unknown) => {
    calls.push({ method, params })
    const answer = answers[method]?.shift()
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer ?? usual[method] ?? {})
  }
  const peer = {
    call,
    request: call,
    respond: (id: number, result: unknown) => responses.push({ id, result }) > 0,
    respondError: (id: number, error: { code: number }) => responses.push({ id, error }) > 0,
  }
  context.appServer = { peer, stop: () => Promise.resolve() } as unknown as AppServerProcess
  return { context, aggregate, calls, deltas, responses }
}

/** A refusal by Codex. */
export const refusal = (message: string): RpcError => new RpcError('method', { code: -32_600, message })
