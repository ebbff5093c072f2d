import type { Version } from '@codex-bridge/bus'
import type { Approval, ApprovalsState, EventOfType } from '@codex-bridge/contracts'
import { type ApprovalDraft, approvalEvent, commonPayload, emptyState } from './approval-events.ts'

/** What distinguishes a new approval; everything about its end is empty. */
type NewApproval = Omit<Approval, 'status' | 'resolvedAt' | 'decision' | 'decidedBy' | 'delivery' | 'deliveredAt' | 'endedReason'>

const requested = (state: ApprovalsState, fields: NewApproval): ApprovalDraft => {
  const approval: Approval = {
    ...fields,
    status: 'pending',
    resolvedAt: null,
    decision: null,
    decidedBy: null,
    delivery: 'none',
    deliveredAt: null,
    endedReason: null,
  }
  return approvalEvent('lane.approval.requested', { ...state, pending: [...state.pending, approval] }, approval, {
    ...commonPayload(approval),
    request: approval.request,
  })
}

/** Codex asks for a decision: the event of the session that raised the request becomes a pending approval. */
export const requestFromSession = (
  state: ApprovalsState,
  event: EventOfType<'lane.session.request.raised'>,
  now: string,
  expiresAt: string | null,
): ApprovalDraft => {
  const { approvalId, kind, reason, threadId, turnId, itemId, request = {}, availableDecisions = [] } = event.payload
  return requested(
    { ...state, appliedSeq: event.seq },
    {
      ...{ approvalId, kind, reason, threadId, turnId, itemId, request, availableDecisions, expiresAt },
      laneId: event.laneId,
      source: 'app-server',
      createdAt: now,
      epoch: event.epoch ?? 0,
      raisedSeq: event.seq,
    },
  )
}

export type ManualRequest = {
  laneId: string
  incarnation: string
  approvalId: string
  source: Approval['source']
  reason: string
  now: string
  expiresAt: string | null
}

/**
 * Asks for a decision without Codex (`POST /debug/request-approval`): kind `manual`; the answer is delivered to nobody.
 * @returns undefined if this command asked before
 */
export const decideManualRequest = (version: Version<ApprovalsState>, manual: ManualRequest): ApprovalDraft | undefined => {
  const { laneId, incarnation, approvalId, source, reason, now, expiresAt } = manual
  const state = version.state?.incarnation === incarnation ? version.state : emptyState(laneId, incarnation)
  if ([...state.pending, ...state.ended].some((known) => known.approvalId === approvalId)) return
  return requested(state, {
    ...{ approvalId, laneId, source, reason, expiresAt },
    kind: 'manual',
    createdAt: now,
    threadId: null,
    turnId: null,
    itemId: null,
    epoch: 0,
    raisedSeq: version.seq,
    request: { debug: true },
    availableDecisions: ['approve', 'deny'],
  })
}
