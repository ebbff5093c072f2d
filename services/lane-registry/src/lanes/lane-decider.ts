import type { Version } from '@codex-bridge/bus'
import {
  type ApprovalEvent,
  BridgeError,
  type CommandRecord,
  type Draft,
  type DraftOf,
  type EventTypeOf,
  type LaneCreate,
  type LaneState,
  type PayloadOf,
  rememberCommand,
  type SessionEvent,
  type StatusReason,
  type WorktreeOutcome,
  type WorktreePlan,
} from '@codex-bridge/contracts'
import { reduceStatus, statusEventType } from '../status/status-reducer.ts'
import { seenOf, type ThreadFacts } from '../threads/thread-snapshot.ts'
import { fieldsOf } from './worktree-decider.ts'

/** A command as a decider needs it: who retries what, and when it is. */
export type Command = { commandId: string; fingerprint: string; now: string }

/** What a client may say about a lane, in bytes: every event of the lane carries it, so it must leave room for the news. */
const DESCRIPTION_BYTES = 64 * 1024

/** How much of a reason is kept: it is in the payload and in the state, of this event and of all that follow. */
const REASON_CHARS = 4096
const EVIDENCE_BYTES = 16 * 1024

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '')

export type LaneDraft = Draft<'lane'>

export const draft = <T extends EventTypeOf<'lane'>>(
  type: T,
  state: LaneState,
  payload: PayloadOf<T>,
  sessionId: string | null,
  commandId?: string,
): DraftOf<'lane', T> => ({
  type,
  laneId: state.laneId,
  threadId: state.threadId,
  sessionId,
  ...(commandId !== undefined && { commandId }),
  payload,
  state,
})

/** The record of this command if it was carried out before. @throws BridgeError `idempotency_key_reused` for another request under the same id */
export const knownCommand = (state: { commands: CommandRecord[] } | undefined, command: Command): CommandRecord | undefined => {
  const known = state?.commands.find(({ commandId }) => commandId === command.commandId)
  if (known && known.fingerprint !== command.fingerprint) throw new BridgeError('idempotency_key_reused')
  return known
}

const remember = (commands: CommandRecord[], command: Command, verb: string): CommandRecord[] =>
  rememberCommand(commands, { commandId: command.commandId, fingerprint: command.fingerprint, verb, answer: {} })

/** A reason cut to what fits; the event that caused it has the whole. */
export const bounded = (reason: StatusReason | null): StatusReason | null => {
  if (reason === null) return null
  const evidence = bytesOf(reason.details)
  return {
    ...reason,
    message: reason.message.length > REASON_CHARS ? `${reason.message.slice(0, REASON_CHARS)}…` : reason.message,
    ...(evidence > EVIDENCE_BYTES && { details: { truncated: true, originalBytes: evidence } }),
  }
}

/**
 * Creates a lane, or a new incarnation of a deleted one, with the worktree that was planned for it.
 * @returns undefined when this very command created it before, also when it was deleted since
 * @throws BridgeError `lane_exists`, `validation_error` for a description over the limit
 */
export const decideCreate = (
  version: Version<LaneState>,
  laneId: string,
  body: Omit<LaneCreate, 'laneId'>,
  incarnation: string,
  command: Command,
  worktree?: WorktreePlan,
): LaneDraft | undefined => {
  if (knownCommand(version.state, command)) return
  if (version.state && !version.state.deleted) {
    throw new BridgeError('lane_exists', `Lane ${laneId} exists`, {
      details: { laneId, status: version.state.status, threadId: version.state.threadId },
    })
  }
  // Planned only for a lane that is to be new: that it is so was found out only now.
  if (body.worktree === true && worktree === undefined) throw new BridgeError('conflict', `Lane ${laneId} was deleted just now`)
  const state: LaneState = {
    laneId,
    incarnation,
    projectId: body.projectId ?? null,
    title: body.title ?? null,
    repoRoot: body.repoRoot ?? null,
    branch: body.branch ?? null,
    worktreePath: body.worktreePath ?? null,
    worktree: null,
    ...(worktree && fieldsOf(worktree)),
    threadId: body.threadId ?? null,
    model: body.model ?? null,
    readinessMode: body.readinessMode ?? 'lenient',
    preferredSurface: body.preferredSurface ?? 'any',
    requirePreferredSurface: body.requirePreferredSurface ?? false,
    surface: 'unknown',
    acceptanceCriteria: body.acceptanceCriteria ?? [],
    verificationCommands: body.verificationCommands ?? [],
    status: 'idle',
    statusReason: null,
    statusSince: command.now,
    createdAt: command.now,
    updatedAt: command.now,
    deleted: false,
    appliedSeq: version.seq,
    commands: remember([], command, 'create-lane'),
  }
  const bytes = bytesOf(body)
  if (bytes > DESCRIPTION_BYTES) {
    const message = `${bytes} bytes of description; ${DESCRIPTION_BYTES} are allowed in all`
    throw new BridgeError('validation_error', message, { details: [{ path: '/', message }] })
  }
  const { title, repoRoot, projectId } = state
  const payload = { title, repoRoot, projectId, ...(state.worktree && { worktree: state.worktree }) }
  return draft('lane.created', state, payload, null, command.commandId)
}

/**
 * @param worktree what became of the worktree that the bridge made for it
 * @returns undefined when this very command deleted it before
 * @throws BridgeError `lane_not_found`
 */
export const decideDelete = (
  version: Version<LaneState>,
  laneId: string,
  command: Command,
  worktree?: WorktreeOutcome,
): LaneDraft | undefined => {
  if (!version.state) throw new BridgeError('lane_not_found', `No lane ${laneId}`)
  if (version.state.deleted) {
    if (knownCommand(version.state, command)) return
    throw new BridgeError('lane_not_found', `No lane ${laneId}`)
  }
  if (worktree?.removed && version.state.worktree?.state === 'ready') {
    throw new BridgeError('conflict', `Lane ${laneId} was started again while it was being deleted`)
  }
  const state: LaneState = {
    ...version.state,
    deleted: true,
    updatedAt: command.now,
    commands: remember(version.state.commands, command, 'delete-lane'),
  }
  return draft('lane.deleted', state, { status: version.state.status, ...(worktree && { worktree }) }, null, command.commandId)
}

/**
 * What a session or approval event changes about its lane.
 * @returns undefined when it changes nothing, was applied before, or belongs to another incarnation
 */
export const decideFromEvent = (version: Version<LaneState>, event: SessionEvent | ApprovalEvent, now: string): LaneDraft | undefined => {
  const lane = version.state
  if (!lane || lane.deleted || event.seq <= lane.appliedSeq) return
  if (event.state.incarnation !== lane.incarnation) return
  // A sub-agent's question only covers what the lane's own turn came to; that is what the event is about.
  const before = lane.resting ?? { status: lane.status, reason: lane.statusReason }
  const after = reduceStatus(before, event)
  const threadId = (event.type.startsWith('lane.session.') && 'threadId' in event.state && event.state.threadId) || lane.threadId
  // A new turn on a lane that is already running, or a second failure in a row, is news even though the word stays the same.
  if (after === before && threadId === lane.threadId) return
  if (after.status === before.status && after.status === 'running' && threadId === lane.threadId) return
  const shown: Partial<LaneState> = {
    status: after.status,
    statusReason: bounded(after.reason),
    statusSince: after.status === lane.status ? lane.statusSince : now,
    resting: null,
  }
  const state: LaneState = {
    ...lane,
    threadId,
    ...(threadId !== lane.threadId && { thread: null }),
    ...(after !== before && shown),
    updatedAt: now,
    appliedSeq: event.seq,
  }
  const type = after === before ? 'lane.updated' : statusEventType(after.status)
  const payload = statusPayload(lane, state, event)
  const { sessionId } = event
  const news =
    type === 'lane.completed'
      ? draft(type, state, { ...payload, ...outcome(event), acceptanceCriteria: state.acceptanceCriteria }, sessionId)
      : draft(type, state, payload, sessionId)
  return { ...news, ...(event.turnId !== undefined && { turnId: event.turnId }) }
}

const statusPayload = (before: LaneState, after: LaneState, event: SessionEvent | ApprovalEvent): PayloadOf<'lane.status.changed'> => ({
  from: before.status,
  to: after.status,
  reason: after.statusReason,
  cause: { eventId: event.id, seq: event.seq, type: event.type },
  ...(event.turnId !== undefined && { turnId: event.turnId }),
})

/** What the completion of a lane takes from the event that ended its work. */
const outcome = (event: SessionEvent | ApprovalEvent): Pick<PayloadOf<'lane.completed'>, 'finalMessage' | 'usage' | 'verification'> => {
  const ended = event.type === 'lane.turn.completed' || event.type === 'lane.verification.completed'
  return {
    finalMessage: ended ? event.payload.finalMessage : null,
    usage: (event.type === 'lane.turn.completed' && event.payload.usage) || null,
    verification: (event.type === 'lane.verification.completed' && event.payload.results) || null,
  }
}

/** Marks a lane done by hand (`POST /debug/complete`), through the same event as every completion. @throws BridgeError `lane_not_found` */
export const decideDebugCompletion = (
  version: Version<LaneState>,
  laneId: string,
  note: string | null,
  command: Command,
): LaneDraft | undefined => {
  const lane = version.state
  if (!lane || lane.deleted) throw new BridgeError('lane_not_found', `No lane ${laneId}`)
  if (knownCommand(lane, command)) return
  const state: LaneState = {
    ...lane,
    status: 'done',
    statusReason: { code: 'debug_completed', message: note ?? 'Completed by hand' },
    statusSince: command.now,
    resting: null,
    updatedAt: command.now,
    appliedSeq: Math.max(lane.appliedSeq, version.seq),
    commands: remember(lane.commands, command, 'debug-complete'),
  }
  const payload = {
    from: lane.status,
    to: state.status,
    reason: state.statusReason,
    cause: null,
    note,
    debug: true,
    finalMessage: null,
    acceptanceCriteria: lane.acceptanceCriteria,
  }
  return draft('lane.completed', state, payload, null, command.commandId)
}

/** Takes over what the thread says of itself; the lane's own workspace stays. @throws BridgeError `lane_not_found` */
export const decideFacts = (
  version: Version<LaneState>,
  laneId: string,
  facts: ThreadFacts,
  command: Command,
  type: 'lane.attached' | 'lane.synced',
): LaneDraft | undefined => {
  const lane = version.state
  if (!lane || lane.deleted) throw new BridgeError('lane_not_found', `No lane ${laneId}`)
  if (knownCommand(lane, command)) return
  const state: LaneState = {
    ...lane,
    title: facts.title ?? lane.title,
    repoRoot: lane.repoRoot ?? facts.cwd,
    branch: facts.branch ?? lane.branch,
    surface: facts.surface,
    thread: seenOf(facts, lane.thread ?? null),
    updatedAt: command.now,
    commands: remember(lane.commands, command, type),
  }
  return draft(type, state, { ...facts, threadId: lane.threadId }, null, command.commandId)
}

const correctionType = (status: 'idle' | 'blocked' | 'interrupted') =>
  status === 'idle' ? 'lane.status.changed' : (`lane.${status}` as const)

/** A correction that no session event brought: the bridge itself found the status untrue or could not act. */
export const decideCorrection = (
  version: Version<LaneState>,
  status: 'idle' | 'blocked' | 'interrupted',
  reason: StatusReason,
  now: string,
): LaneDraft | undefined => {
  const lane = version.state
  if (!lane || lane.deleted || (lane.status === status && lane.statusReason?.code === reason.code)) return
  const state: LaneState = {
    ...lane,
    status,
    statusReason: bounded(reason),
    statusSince: now,
    resting: null,
    updatedAt: now,
    appliedSeq: Math.max(lane.appliedSeq, version.seq),
  }
  const payload = { from: lane.status, to: status, reason: state.statusReason, cause: null }
  return draft(correctionType(status), state, payload, null)
}
