import type { Version } from '@codex-bridge/bus'
import type { Approval, ApprovalsState, BridgeEvent, LaneState, SessionState } from '@codex-bridge/contracts'
import { draft, type LaneDraft } from '../lanes/lane-decider.ts'
import { nextStatus } from './lane-status.ts'

/** The other aggregates of a lane. */
export type Surroundings = { session: SessionState | undefined; approvals: ApprovalsState | undefined }

/**
 * The question of a sub-agent that waits for a person: open in the live session, and not decided yet. The status reducer deals with
 * questions of the lane's own thread, which end with its turn.
 */
const openQuestion = (lane: LaneState, { session, approvals }: Surroundings): Approval | undefined => {
  if (session?.incarnation !== lane.incarnation || session.phase !== 'live' || approvals?.incarnation !== lane.incarnation) return
  const asking = new Set(session.requests.flatMap(({ approvalId, threadId }) => (threadId === session.threadId ? [] : [approvalId])))
  return approvals.pending.find(({ approvalId }) => asking.has(approvalId))
}

/**
 * A sub-agent may ask when its parent's turn is over, and keep asking. The lane then waits for a person, and shows the outcome of its own
 * turn again once the question is settled. Depends on the present only, so a repetition changes nothing.
 * @returns undefined when the lane already shows the right status
 */
export const decideWaiting = (
  version: Version<LaneState>,
  around: Surroundings,
  event: BridgeEvent,
  now: string,
): LaneDraft | undefined => {
  const lane = version.state
  if (!lane || lane.deleted) return
  const next = nextStatus(lane, { kind: 'question', question: openQuestion(lane, around) }, now)
  if (!next) return
  // Only a change of the status: the outcome of the lane's own turn was announced when the turn ended.
  const cause = { eventId: event.id, seq: event.seq, type: event.type }
  const payload = { from: lane.status, to: next.status, reason: next.statusReason, cause }
  return draft('lane.status.changed', { ...lane, ...next, updatedAt: now }, payload, event.sessionId)
}
