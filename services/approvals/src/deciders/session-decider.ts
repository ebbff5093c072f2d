import type { Version } from '@codex-bridge/bus'
import type { Approval, ApprovalsState, SessionEvent } from '@codex-bridge/contracts'
import { type ApprovalDraft, approvalEvent, commonPayload, emptyState, withEnded } from './approval-events.ts'
import { requestFromSession } from './request-decider.ts'

/**
 * What a session event means for the lane's approvals. Returns one draft at a time: call it again with the new version until
 * it returns undefined. An approval is pending exactly as long as its request is open in the session's state, so a later
 * session event without the request ends it, whatever the reason.
 */
export const decideFromSession = (
  version: Version<ApprovalsState>,
  event: SessionEvent,
  now: string,
  expiresAt: string | null,
): ApprovalDraft | undefined => {
  const session = event.state
  const known = version.state
  // An event of an earlier lane with the same id, read again. The approvals of that lane ended with it.
  if (known && known.incarnation !== session.incarnation && event.seq <= known.appliedSeq) return
  const state = known?.incarnation === session.incarnation ? known : emptyState(event.laneId, session.incarnation)
  if (event.type === 'lane.session.request.raised' && event.seq > state.appliedSeq) return requestFromSession(state, event, now, expiresAt)
  const open = new Set(session.requests.map(({ approvalId }) => approvalId))
  const isClosed = (approval: Approval) => approval.kind !== 'manual' && approval.raisedSeq < event.seq && !open.has(approval.approvalId)
  const undecided = state.pending.find(isClosed)
  if (undecided) return orphaned(state, undecided, event, now)
  const undelivered = state.ended.find((approval) => approval.delivery === 'pending' && isClosed(approval))
  return undelivered && deliveredOrLost(state, undelivered, event, now)
}

/** Codex stopped waiting before anybody decided. */
const orphaned = (state: ApprovalsState, approval: Approval, event: SessionEvent, now: string): ApprovalDraft => {
  const ended: Approval = { ...approval, status: 'orphaned', resolvedAt: now, endedReason: reasonOf(event) }
  return approvalEvent('lane.approval.orphaned', withEnded(state, ended), ended, commonPayload(ended))
}

/** A decided request is closed: the answer was written to Codex, or Codex stopped waiting before that. */
const deliveredOrLost = (state: ApprovalsState, approval: Approval, event: SessionEvent, now: string): ApprovalDraft => {
  if (event.type === 'lane.session.request.answered' && event.payload.approvalId === approval.approvalId) {
    const ended: Approval = { ...approval, delivery: 'delivered', deliveredAt: now }
    return approvalEvent('lane.approval.delivered', withEnded(state, ended), ended, commonPayload(ended))
  }
  const ended: Approval = { ...approval, delivery: 'lost', endedReason: reasonOf(event) }
  return approvalEvent('lane.approval.orphaned', withEnded(state, ended), ended, commonPayload(ended))
}

/** Why a request is closed, in one string. The session's reason is a text in some events and a code with a message in others. */
const reasonOf = ({ payload, type }: SessionEvent): string => {
  const reason: unknown = 'reason' in payload ? payload.reason : undefined
  const code = reason !== null && typeof reason === 'object' ? (reason as { code?: unknown }).code : reason
  return typeof code === 'string' ? code : type
}
