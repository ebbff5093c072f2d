import {
  type CommandRecord,
  type CommandResult,
  type Draft,
  type DraftOf,
  type EventTypeOf,
  MAX_PAYLOAD_BYTES,
  notificationEventType,
  type OpenRequest,
  type PayloadOf,
  type ProcessIdentity,
  rememberCommand,
  type SessionState,
  type StatusReason,
  type TurnStatus,
} from '@codex-bridge/contracts'
import { bounded, shortened } from './payload-limit.ts'

export type SessionDraft = Draft<'session'>

type Extra = { turnId?: string | null; threadId?: string; commandId?: string }

/** Creates every session event. Its envelope follows from the state it leads to. */
export const draft = <T extends EventTypeOf<'session'>>(
  type: T,
  state: SessionState,
  payload: PayloadOf<T>,
  extra: Extra = {},
): DraftOf<'session', T> => ({
  type,
  laneId: state.laneId,
  threadId: extra.threadId ?? state.threadId,
  sessionId: state.laneId,
  ...(extra.turnId !== undefined && { turnId: extra.turnId }),
  epoch: state.epoch,
  ...(extra.commandId !== undefined && { commandId: extra.commandId }),
  payload: bounded(payload, state.threadId),
  state,
})

/** The state without a process and everything that ended with it, such as the turns of its sub-agents. */
const withoutProcess = (state: SessionState): SessionState => ({
  ...state,
  process: null,
  startedAt: null,
  requests: [],
  readinessDeferred: false,
  readinessReason: null,
  ...(state.subAgents && {
    subAgents: state.subAgents.map((agent) => (agent.status === 'running' ? { ...agent, status: 'interrupted' as const } : agent)),
  }),
})

export const claimed = (
  state: SessionState,
  owner: { epoch: number; runnerId: string; home: string },
  purpose: 'start' | 'recover',
): SessionDraft =>
  draft('lane.session.claimed', { ...withoutProcess(state), ...owner, phase: 'claimed', stopReason: null }, { purpose, ...owner })

export type Started = {
  process: ProcessIdentity
  codexVersion: string | null
  threadId: string
  threadStored: boolean
  readiness: { deferred: boolean; reason: string | null }
  /** What Codex may do on the thread; null while it is not loaded. */
  settings: { approvalPolicy: unknown; sandbox: string } | null
  startedAt: string
  /** Set when an empty thread that Codex had not stored was replaced. */
  replacedThreadId?: string
}

export const started = (state: SessionState, facts: Started, recovered: boolean): SessionDraft => {
  const next: SessionState = {
    ...state,
    phase: 'live',
    process: facts.process,
    codexVersion: facts.codexVersion,
    threadId: facts.threadId,
    threadStored: facts.threadStored,
    readinessDeferred: facts.readiness.deferred,
    readinessReason: facts.readiness.reason,
    startedAt: facts.startedAt,
  }
  return draft(recovered ? 'lane.session.recovered' : 'lane.session.started', next, {
    threadId: facts.threadId,
    runnerId: state.runnerId,
    codexVersion: facts.codexVersion,
    pid: facts.process.pid,
    readinessDeferred: facts.readiness.deferred,
    readinessReason: facts.readiness.reason,
    approvalPolicy: facts.settings?.approvalPolicy ?? null,
    sandbox: facts.settings?.sandbox ?? null,
    ...(facts.replacedThreadId !== undefined && { replacedThreadId: facts.replacedThreadId }),
  })
}

export const stopped = (
  state: SessionState,
  cause: 'command' | 'start_failed' | 'crash_loop',
  reason: StatusReason | null,
  commandId?: string,
): SessionDraft =>
  draft(
    'lane.session.stopped',
    { ...withoutProcess(state), phase: 'stopped', stopReason: reason },
    { cause, reason },
    { ...(commandId && { commandId }) },
  )

export const hibernated = (state: SessionState, why: 'idle' | 'shutdown'): SessionDraft =>
  draft('lane.session.hibernated', { ...withoutProcess(state), phase: 'hibernated' }, { why })

/** The process or its runner is gone. Keeps the active turn: its completion is the next event. */
export const lost = (state: SessionState, reason: StatusReason): SessionDraft =>
  draft(
    'lane.session.lost',
    { ...withoutProcess(state), phase: 'lost', stopReason: reason },
    { reason: reason.code, message: reason.message, details: reason.details ?? null },
  )

/**
 * The next event that is missing about a session whose owner is gone. Call it again with the state it led to until nothing is left. It
 * continues from any point at which an earlier attempt stopped, and also settles a start that failed during a turn.
 */
export const settleLoss = (state: SessionState, reason: StatusReason): SessionDraft | undefined => {
  if (state.phase === 'claimed' || state.phase === 'live') return lost(state, reason)
  if (state.activeTurn)
    return turnCompleted(state, {
      status: 'interrupted',
      cause: 'session_lost',
      error: null,
      finalMessage: null,
      usage: null,
      verify: false,
    })
  if (state.verifying) return verificationCompleted(state, { status: 'interrupted', results: [], finalMessage: null })
  return
}

export const turnRequested = (state: SessionState, input: string, record: CommandRecord, now: string): SessionDraft => {
  const next: SessionState = {
    ...state,
    activeTurn: { commandId: record.commandId, turnId: null, requestedAt: now, startedAt: null },
    commands: rememberCommand(state.commands, record),
  }
  return draft('lane.turn.requested', next, { input, commandId: record.commandId }, { turnId: null, commandId: record.commandId })
}

/** Codex named the turn. Undefined when its id is known or it is not the requested turn. */
export const turnStarted = (state: SessionState, turnId: string, now: string): SessionDraft | undefined => {
  const turn = state.activeTurn
  if (!turn || turn.startedAt !== null) return
  const record = state.commands.find(({ commandId }) => commandId === turn.commandId)
  const next: SessionState = {
    ...state,
    threadStored: true,
    activeTurn: { ...turn, turnId, startedAt: now },
    commands: record ? rememberCommand(state.commands, { ...record, answer: { ...record.answer, turnId } }) : state.commands,
  }
  return draft('lane.turn.started', next, { turnId, commandId: turn.commandId }, { turnId, commandId: turn.commandId })
}

/** A turn that no command asked for (compaction, a queued message, another client). It is the active turn as well. */
export const turnAppeared = (state: SessionState, turnId: string, now: string): SessionDraft => {
  const activeTurn = { commandId: `codex:${turnId}`, turnId, requestedAt: now, startedAt: now }
  return draft('lane.turn.started', { ...state, threadStored: true, activeTurn }, { turnId, origin: 'codex' }, { turnId })
}

export const turnSteered = (state: SessionState, input: string, record: CommandRecord): SessionDraft => {
  const turnId = state.activeTurn?.turnId ?? null
  return draft(
    'lane.turn.steered',
    { ...state, commands: rememberCommand(state.commands, record) },
    { turnId, input },
    { turnId, commandId: record.commandId },
  )
}

export const turnStalled = (state: SessionState, payload: PayloadOf<'lane.turn.stalled'>): SessionDraft =>
  draft('lane.turn.stalled', state, payload, { turnId: state.activeTurn?.turnId ?? null })

export type TurnEnd = {
  status: TurnStatus
  /** What ended it, if it did not end on its own: operator, session_lost, session_stopped, stalled, … */
  cause: string | null
  error: StatusReason | null
  finalMessage: string | null
  usage: unknown
  /** The verification commands run next. */
  verify: boolean
  durationMs?: number | null
  /** The interrupt command that ended it, remembered so that a retry never ends a later turn. */
  record?: CommandRecord | undefined
}

/** The only completion of the active turn: the state has no active turn afterwards, so there cannot be a second one. */
export const turnCompleted = (state: SessionState, end: TurnEnd): SessionDraft => {
  const turn = state.activeTurn
  const turnId = turn?.turnId ?? null
  const verify = end.verify && end.status === 'completed'
  const commands = end.record ? rememberCommand(state.commands, end.record) : state.commands
  const next: SessionState = { ...state, activeTurn: null, verifying: verify ? { turnId } : null, commands }
  return draft(
    'lane.turn.completed',
    next,
    {
      turnId,
      commandId: turn?.commandId ?? null,
      status: end.status,
      cause: end.cause,
      error: end.error,
      finalMessage: end.finalMessage,
      usage: end.usage ?? null,
      durationMs: end.durationMs ?? null,
      verification: verify ? 'pending' : 'none',
    },
    { turnId, ...(turn && { commandId: turn.commandId }) },
  )
}

export type VerificationEnd = {
  status: 'passed' | 'failed' | 'interrupted'
  results: CommandResult[]
  finalMessage: string | null
  /** The interrupt command that ended it. */
  record?: CommandRecord | undefined
}

export const verificationStarted = (state: SessionState, commands: string[]): SessionDraft =>
  draft(
    'lane.verification.started',
    state,
    { turnId: state.verifying?.turnId ?? null, commands },
    { turnId: state.verifying?.turnId ?? null },
  )

export const verificationCompleted = (state: SessionState, { record, ...end }: VerificationEnd): SessionDraft => {
  const turnId = state.verifying?.turnId ?? null
  const commands = record ? rememberCommand(state.commands, record) : state.commands
  return draft('lane.verification.completed', { ...state, verifying: null, commands }, { turnId, ...end }, { turnId })
}

export const usageUpdated = (state: SessionState, usage: unknown, turnId: string | null): SessionDraft =>
  draft('lane.usage.updated', state, { turnId, usage }, { turnId })

export type RaisedRequest = OpenRequest & { reason: string; request: Record<string, unknown>; availableDecisions: string[] }

/** A request is repeated in the events of its approval, in some of them twice, and must leave room for that. */
const MAX_REQUEST_BYTES = MAX_PAYLOAD_BYTES / 2

export const requestRaised = (state: SessionState, raised: RaisedRequest): SessionDraft => {
  const { reason, request, availableDecisions, ...open } = raised
  const detail = bounded(request, raised.threadId, MAX_REQUEST_BYTES)
  return draft(
    'lane.session.request.raised',
    { ...state, requests: [...state.requests, open] },
    { ...open, reason: shortened(reason), request: detail, availableDecisions },
    { turnId: raised.turnId, threadId: raised.threadId },
  )
}

const without = (state: SessionState, open: OpenRequest): SessionState => ({
  ...state,
  requests: state.requests.filter(({ approvalId }) => approvalId !== open.approvalId),
})

export const requestAnswered = (state: SessionState, open: OpenRequest): SessionDraft =>
  draft(
    'lane.session.request.answered',
    without(state, open),
    { approvalId: open.approvalId },
    { turnId: open.turnId, threadId: open.threadId },
  )

export const requestClosed = (state: SessionState, open: OpenRequest, reason: string): SessionDraft =>
  draft(
    'lane.session.request.closed',
    without(state, open),
    { approvalId: open.approvalId, reason },
    { turnId: open.turnId, threadId: open.threadId },
  )

/** An app-server notification as it came, under its own thread: that of a sub-agent under the sub-agent's. */
export const forwarded = (state: SessionState, method: string, params: Record<string, unknown>): SessionDraft =>
  draft(notificationEventType(method), state, { method, params }, notificationContext(params))

const notificationContext = (params: Record<string, unknown>): Extra => {
  const turn = params['turn'] as { id?: unknown } | undefined
  const turnId = params['turnId'] ?? turn?.id
  const threadId = params['threadId'] ?? (params['thread'] as { id?: unknown } | undefined)?.id
  return { ...(typeof turnId === 'string' && { turnId }), ...(typeof threadId === 'string' && { threadId }) }
}
