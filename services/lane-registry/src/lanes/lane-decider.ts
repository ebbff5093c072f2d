import type { Version } from '@codex-bridge/bus'
import {
  BridgeError,
  type CommandRecord,
  type Draft,
  type DraftOf,
  type EventTypeOf,
  type LaneCreate,
  type LaneState,
  type PayloadOf,
  rememberCommand,
  type StatusReason,
  type WorktreeOutcome,
  type WorktreePlan,
} from '@codex-bridge/contracts'
import { initialStatus, nextStatus } from '../status/lane-status.ts'
import { seenOf, type ThreadFacts } from '../threads/thread-snapshot.ts'
import { fieldsOf } from './worktree-decider.ts'

/** A command as a decider needs it: who retries what, and when it is. */
export type Command = { commandId: string; fingerprint: string; now: string }

/** What a client may say about a lane, in bytes: every event of the lane carries it, so it must leave room for the news. */
const DESCRIPTION_BYTES = 64 * 1024

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
    ...initialStatus(command.now),
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
    ...nextStatus(lane, { kind: 'completed-by-hand', note }, command.now),
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

/** Corrects a status without a session event: the bridge found it untrue, or could not act. */
export const decideCorrection = (
  version: Version<LaneState>,
  status: 'idle' | 'blocked' | 'interrupted',
  reason: StatusReason,
  now: string,
): LaneDraft | undefined => {
  const lane = version.state
  if (!lane || lane.deleted) return
  const next = nextStatus(lane, { kind: 'correction', status, reason }, now)
  if (!next) return
  const state: LaneState = { ...lane, ...next, updatedAt: now, appliedSeq: Math.max(lane.appliedSeq, version.seq) }
  const payload = { from: lane.status, to: status, reason: state.statusReason, cause: null }
  return draft(correctionType(status), state, payload, null)
}
