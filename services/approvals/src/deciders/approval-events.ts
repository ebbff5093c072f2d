import {
  type Approval,
  type ApprovalsState,
  type Draft,
  type DraftOf,
  ENDED_APPROVALS_KEPT,
  type EventTypeOf,
  type PayloadOf,
} from '@codex-bridge/contracts'
import { withinStateLimit } from './state-limit.ts'

export type ApprovalDraft = Draft<'approval'>

/** The event about an approval, with the lane's approvals after it. */
export const approvalEvent = <T extends EventTypeOf<'approval'>>(
  type: T,
  state: ApprovalsState,
  approval: Approval,
  payload: PayloadOf<T>,
): DraftOf<'approval', T> => ({
  type,
  laneId: approval.laneId,
  threadId: approval.threadId,
  sessionId: approval.laneId,
  turnId: approval.turnId,
  epoch: approval.epoch,
  ...(approval.decidedBy !== null && type === 'lane.approval.resolved' && { commandId: approval.decidedBy }),
  payload,
  state: withinStateLimit(state),
})

/** The part of the payload that all approval events have. */
export const commonPayload = (approval: Approval): PayloadOf<'lane.approval.delivered'> => {
  const { approvalId, kind, reason, status } = approval
  return { approvalId, kind, reason, status, approval }
}

export const emptyState = (laneId: string, incarnation: string): ApprovalsState => ({
  laneId,
  incarnation,
  pending: [],
  ended: [],
  appliedSeq: 0,
})

/** Moves an approval from pending to ended, or replaces an ended one. The oldest ended ones are dropped. */
export const withEnded = (state: ApprovalsState, approval: Approval): ApprovalsState => ({
  ...state,
  pending: state.pending.filter(({ approvalId }) => approvalId !== approval.approvalId),
  ended: [...state.ended.filter(({ approvalId }) => approvalId !== approval.approvalId), approval].slice(-ENDED_APPROVALS_KEPT),
})
