import { isDeepStrictEqual } from 'node:util'
import type { Version } from '@codex-bridge/bus'
import { type Approval, type ApprovalsState, BridgeError, type Decision, type DecisionBody } from '@codex-bridge/contracts'
import { type ApprovalDraft, approvalEvent, commonPayload, withEnded } from './approval-events.ts'
import { bytesOf } from './state-limit.ts'

/** Maximum size of a decision with its answers, in bytes. It is stored with its approval. */
const DECISION_BYTES = 16 * 1024

export type DecideRequest = {
  laneId: string
  approvalId: string
  action: 'approve' | 'deny'
  body: DecisionBody
  commandId: string
  now: string
}

/**
 * A person's decision. The first one stored wins.
 * @returns undefined if this command decided before
 * @throws BridgeError `approval_not_found`, `approval_already_resolved` (details name the winner), `approval_orphaned`,
 * `validation_error`, `idempotency_key_reused`
 */
export const decideResolution = (version: Version<ApprovalsState>, request: DecideRequest): ApprovalDraft | undefined => {
  const state = version.state
  if (state?.ended.some(({ approvalId, decidedBy }) => decidedBy === request.commandId && approvalId !== request.approvalId)) {
    throw new BridgeError('idempotency_key_reused')
  }
  const approval = state?.pending.find(({ approvalId }) => approvalId === request.approvalId)
  if (!state || !approval) {
    refuseUnlessRepeated(state, request)
    return
  }
  const decision = decisionOf(approval, request)
  const ended: Approval = {
    ...approval,
    status: decision.decision === 'approve' ? 'approved' : 'denied',
    resolvedAt: request.now,
    decision,
    decidedBy: request.commandId,
    delivery: approval.kind === 'manual' ? 'none' : 'pending',
  }
  return approvalEvent('lane.approval.resolved', withEnded(state, ended), ended, { ...commonPayload(ended), decision })
}

const refuseUnlessRepeated = (state: ApprovalsState | undefined, request: DecideRequest): void => {
  const { approvalId, commandId, laneId } = request
  const ended = state?.ended.find((approval) => approval.approvalId === approvalId)
  if (!ended) throw new BridgeError('approval_not_found', `No approval ${approvalId} on lane ${laneId}`)
  if (ended.decidedBy === commandId) {
    if (isDeepStrictEqual(ended.decision, decisionOf(ended, request))) return
    throw new BridgeError('idempotency_key_reused')
  }
  const details = { approvalId, status: ended.status, decision: ended.decision, resolvedAt: ended.resolvedAt, reason: ended.endedReason }
  if (ended.status === 'orphaned') throw new BridgeError('approval_orphaned', `Codex no longer waits for ${approvalId}`, { details })
  throw new BridgeError('approval_already_resolved', `${approvalId} is ${ended.status}`, { details })
}

/** @throws BridgeError `validation_error` */
const decisionOf = (approval: Approval, { action, body }: DecideRequest): Decision => {
  const decision = body.decision ?? action
  if ((decision === 'approve') !== (action === 'approve')) throw invalid('/decision', `does not fit the action ${action}`)
  if (decision === 'approve' && approval.kind === 'user_input' && !body.answers) {
    throw invalid('/answers', 'questions are approved by answering them: {"<question id>": ["<answer>"]}')
  }
  if (bytesOf(body) > DECISION_BYTES) throw invalid('/', `the decision is over ${DECISION_BYTES} bytes`)
  const schema = approval.request['requestedSchema'] as { required?: unknown[] } | undefined
  if (decision === 'approve' && approval.kind === 'mcp_elicitation' && !body.content && (schema?.required?.length ?? 0) > 0) {
    throw invalid('/content', 'the form has required fields')
  }
  return { ...body, decision }
}

const invalid = (path: string, message: string): BridgeError =>
  new BridgeError('validation_error', message, { details: [{ path, message }] })
