import { Type } from 'typebox'
import { Approval, Decision } from '../approvals/approval.ts'

const { approvalId, kind, reason, status, request } = Approval.properties
const payload = { approvalId, kind, reason, status, approval: Approval }

/** Events of the approval aggregate, written by the approvals service. */
export const APPROVAL_EVENTS = {
  'lane.approval.requested': { means: 'A person has to decide', payload: Type.Object({ ...payload, request }) },
  'lane.approval.resolved': { means: 'A person decided', payload: Type.Object({ ...payload, decision: Decision }) },
  'lane.approval.delivered': { means: 'The decision reached Codex', payload: Type.Object(payload) },
  'lane.approval.expired': {
    means: 'Nobody decided in time; the request is denied',
    payload: Type.Object({ ...payload, decision: Decision }),
  },
  'lane.approval.orphaned': { means: 'Codex no longer waits for a decision', payload: Type.Object(payload) },
} as const
