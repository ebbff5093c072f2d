import type { Approval, BridgeEvent, LaneState, LaneStatus, StatusReason } from '@codex-bridge/contracts'
import { reduceStatus } from './status-reducer.ts'

/** What a lane says of its status. `resting` is the status of its own turn while a sub-agent's question covers it. */
export type StatusFields = Pick<LaneState, 'status' | 'statusReason' | 'statusSince' | 'resting'>

/** Why a lane's status is decided anew. */
export type StatusCause =
  /** A session or approval event. */
  | { kind: 'event'; event: BridgeEvent }
  /** The question of a sub-agent that is open now, if any. */
  | { kind: 'question'; question: Approval | undefined }
  /** The bridge found the status untrue, or could not act. */
  | { kind: 'correction'; status: 'idle' | 'blocked' | 'interrupted'; reason: StatusReason }
  /** Somebody marked the lane done by hand. */
  | { kind: 'completed-by-hand'; note: string | null }
  /** The worktree of the lane was made. Ends only a wait for it. */
  | { kind: 'worktree-ready' }

/** How much of a reason is kept: it is in the payload and in the state, of this event and of all that follow. */
const REASON_CHARS = 4096
const EVIDENCE_BYTES = 16 * 1024

/** Statuses that a question of a sub-agent may cover. Not `starting`: what asked before is gone with its process. */
const COVERED: ReadonlySet<LaneStatus> = new Set(['idle', 'running', 'verifying', 'done', 'failed', 'blocked', 'interrupted'])

/** Reasons of a blocked lane that end when its worktree is there. */
const OVER_WITH_A_WORKTREE: ReadonlySet<string> = new Set(['worktree_blocked', 'no_runner'])

/** The status of a new lane. */
export const initialStatus = (now: string): StatusFields => ({ status: 'idle', statusReason: null, statusSince: now })

/**
 * The one place where a lane's status is decided. Pure.
 * @param now ISO-8601
 * @returns undefined when the cause changes nothing
 */
export const nextStatus = (lane: StatusFields, cause: StatusCause, now: string): StatusFields | undefined => {
  switch (cause.kind) {
    case 'event':
      return afterEvent(lane, cause.event, now)
    case 'question':
      return covered(lane, cause.question, now)
    case 'correction':
      if (lane.status === cause.status && lane.statusReason?.code === cause.reason.code) return
      return { status: cause.status, statusReason: bounded(cause.reason), statusSince: now, resting: null }
    case 'completed-by-hand': {
      const statusReason = { code: 'debug_completed', message: cause.note ?? 'Completed by hand' }
      return { status: 'done', statusReason, statusSince: now, resting: null }
    }
    default:
      if (lane.status !== 'blocked' || !OVER_WITH_A_WORKTREE.has(lane.statusReason?.code ?? '')) return
      return { status: 'idle', statusReason: null, statusSince: now, resting: lane.resting ?? null }
  }
}

/** A sub-agent's question covers the status of the lane's own turn; the event is about the covered one. */
const afterEvent = (lane: StatusFields, event: BridgeEvent, now: string): StatusFields | undefined => {
  const before = lane.resting ?? { status: lane.status, reason: lane.statusReason }
  const after = reduceStatus(before, event)
  if (after === before) return
  const statusSince = after.status === lane.status ? lane.statusSince : now
  return { status: after.status, statusReason: bounded(after.reason), statusSince, resting: null }
}

const covered = (lane: StatusFields, question: Approval | undefined, now: string): StatusFields | undefined => {
  if (question && COVERED.has(lane.status)) {
    const details = { approvalId: question.approvalId, threadId: question.threadId }
    const statusReason = bounded({ code: 'approval', message: question.reason, details })
    const resting = { status: lane.status, reason: lane.statusReason }
    return { status: 'needs_approval', statusReason, statusSince: now, resting }
  }
  if (question || !lane.resting) return
  return { status: lane.resting.status, statusReason: lane.resting.reason, statusSince: now, resting: null }
}

/** A reason cut to what fits; the event that caused it has the whole. */
const bounded = (reason: StatusReason | null): StatusReason | null => {
  if (reason === null) return null
  const evidence = Buffer.byteLength(JSON.stringify(reason.details) ?? '')
  return {
    ...reason,
    message: reason.message.length > REASON_CHARS ? `${reason.message.slice(0, REASON_CHARS)}…` : reason.message,
    ...(evidence > EVIDENCE_BYTES && { details: { truncated: true, originalBytes: evidence } }),
  }
}
