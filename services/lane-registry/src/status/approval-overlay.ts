import type { Version } from '@codex-bridge/bus'
import type { Approval, ApprovalsState, BridgeEvent, LaneState, LaneStatus, SessionState } from '@codex-bridge/contracts'
import { bounded, draft, type LaneDraft } from '../lanes/lane-decider.ts'

/** What is known of a lane beside its own state. */
export type Surroundings = { session: SessionState | undefined; approvals: ApprovalsState | undefined }

/** Statuses that a question of a sub-agent may cover. `starting` is none: what asked before is gone with its process. */
const COVERED: ReadonlySet<LaneStatus> = new Set(['idle', 'running', 'verifying', 'done', 'failed', 'blocked', 'interrupted'])

/**
 * Whom a sub-agent's question waits for: open in the live session, and not decided yet. Questions of the lane's own thread end
 * with its turn and are the status reducer's.
 */
const openQuestion = (lane: LaneState, { session, approvals }: Surroundings): Approval | undefined => {
  if (session?.incarnation !== lane.incarnation || session.phase !== 'live' || approvals?.incarnation !== lane.incarnation) return
  const asking = new Set(session.requests.flatMap(({ approvalId, threadId }) => (threadId === session.threadId ? [] : [approvalId])))
  return approvals.pending.find(({ approvalId }) => asking.has(approvalId))
}

/**
 * A sub-agent may ask after its parent's turn is over, or go on asking: the lane waits for a person all the same, and shows
 * again what its own turn came to when that is settled. Depends on the present only, so doing it twice changes nothing.
 * @returns undefined when the lane shows the truth
 */
export const decideWaiting = (
  version: Version<LaneState>,
  around: Surroundings,
  event: BridgeEvent,
  now: string,
): LaneDraft | undefined => {
  const lane = version.state
  if (!lane || lane.deleted) return
  const question = openQuestion(lane, around)
  if (question && COVERED.has(lane.status)) {
    const own = { status: lane.status, reason: lane.statusReason }
    const details = { approvalId: question.approvalId, threadId: question.threadId }
    const reason = bounded({ code: 'approval', message: question.reason, details })
    return shown({ ...lane, status: 'needs_approval', statusReason: reason, resting: own }, lane, event, now)
  }
  if (question || !lane.resting) return
  return shown({ ...lane, status: lane.resting.status, statusReason: lane.resting.reason, resting: null }, lane, event, now)
}

/** Always a mere change of the status: what the lane's own turn came to was announced when it did. */
const shown = (state: LaneState, before: LaneState, event: BridgeEvent, now: string): LaneDraft => {
  const cause = { eventId: event.id, seq: event.seq, type: event.type }
  const payload = { from: before.status, to: state.status, reason: state.statusReason, cause }
  return draft('lane.status.changed', { ...state, statusSince: now, updatedAt: now }, payload, event.sessionId)
}
