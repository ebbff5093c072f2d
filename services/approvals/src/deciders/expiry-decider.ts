import type { Version } from '@codex-bridge/bus'
import type { Approval, ApprovalsState } from '@codex-bridge/contracts'
import { type ApprovalDraft, approvalEvent, commonPayload, withEnded } from './approval-events.ts'

/** Nobody decided in time: the request is denied. @returns undefined if it is no longer pending or not due yet */
export const decideExpiry = (version: Version<ApprovalsState>, approvalId: string, now: string): ApprovalDraft | undefined => {
  const state = version.state
  const approval = state?.pending.find((pending) => pending.approvalId === approvalId)
  if (!state || !approval?.expiresAt || approval.expiresAt > now) return
  const decision = { decision: 'deny' } as const
  const ended: Approval = {
    ...approval,
    status: 'expired',
    resolvedAt: now,
    decision,
    delivery: approval.kind === 'manual' ? 'none' : 'pending',
    endedReason: 'expired',
  }
  return approvalEvent('lane.approval.expired', withEnded(state, ended), ended, { ...commonPayload(ended), decision })
}
