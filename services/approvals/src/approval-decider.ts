import { isDeepStrictEqual } from 'node:util'
import type { Version } from '@codex-bridge/bus'
import {
  type Approval,
  type ApprovalsState,
  BridgeError,
  type Decision,
  type DecisionBody,
  type Draft,
  type DraftOf,
  ENDED_APPROVALS_KEPT,
  type EventOfType,
  type EventTypeOf,
  type PayloadOf,
  type SessionEvent,
} from '@codex-bridge/contracts'

type ApprovalDraft = Draft<'approval'>

type Common = PayloadOf<'lane.approval.delivered'>

const draft = <T extends EventTypeOf<'approval'>>(
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
  state: fitted(state),
})

/** What the payloads of all approval events have. */
const about = (approval: Approval): Common => {
  const { approvalId, kind, reason, status } = approval
  return { approvalId, kind, reason, status, approval }
}

/** What all approvals of a lane may take together in the state, which every event of theirs carries, in bytes. */
const STATE_BYTES = 128 * 1024
/** A decision with its answers, in bytes: it is stored with its approval. */
const DECISION_BYTES = 16 * 1024
const REASON_CHARS = 200

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '')

/**
 * Keeps the state within its bounds: pending approvals before ended ones and newer before older keep what was asked and
 * answered; of the others the event that raised or ended them has it.
 */
const fitted = (state: ApprovalsState): ApprovalsState => {
  let room = STATE_BYTES
  const kept = (approvals: Approval[]): Approval[] =>
    approvals
      .toReversed()
      .map((approval) => {
        const bytes = bytesOf(approval)
        room -= bytes
        return room >= 0 ? approval : slim(approval, bytes)
      })
      .toReversed()
  const pending = kept(state.pending)
  return { ...state, pending, ended: kept(state.ended) }
}

const slim = (approval: Approval, bytes: number): Approval => ({
  ...approval,
  reason: approval.reason.slice(0, REASON_CHARS),
  request: {
    ...(typeof approval.request['method'] === 'string' && { method: approval.request['method'] }),
    truncated: true,
    originalBytes: approval.request['originalBytes'] ?? bytes,
  },
  decision: approval.decision && {
    decision: approval.decision.decision,
    ...(approval.decision.scope && { scope: approval.decision.scope }),
  },
})

/** Moves an approval from pending to ended, or changes an ended one, keeping the list short. */
const withEnded = (state: ApprovalsState, approval: Approval): ApprovalsState => ({
  ...state,
  pending: state.pending.filter(({ approvalId }) => approvalId !== approval.approvalId),
  ended: [...state.ended.filter(({ approvalId }) => approvalId !== approval.approvalId), approval].slice(-ENDED_APPROVALS_KEPT),
})

const emptyState = (laneId: string, incarnation: string): ApprovalsState => ({ laneId, incarnation, pending: [], ended: [], appliedSeq: 0 })

/**
 * What a session event means for the lane's approvals: one draft at a time; call again with the new version until it returns
 * undefined. An approval lives exactly as long as its request is open in the session's state, so any later session event in
 * which the request is no longer open ends it, whatever the reason.
 */
export const decideFromSession = (
  version: Version<ApprovalsState>,
  event: SessionEvent,
  now: string,
  expiresAt: string | null,
): ApprovalDraft | undefined => {
  const session = event.state
  const known = version.state
  // An event of the lane's predecessor, read again: its approvals ended with it.
  if (known && known.incarnation !== session.incarnation && event.seq <= known.appliedSeq) return
  const state = known?.incarnation === session.incarnation ? known : emptyState(event.laneId, session.incarnation)
  if (event.type === 'lane.session.request.raised' && event.seq > state.appliedSeq) return requested(state, event, now, expiresAt)
  const open = new Set(session.requests.map(({ approvalId }) => approvalId))
  const over = (approval: Approval) => approval.kind !== 'manual' && approval.raisedSeq < event.seq && !open.has(approval.approvalId)
  const orphan = state.pending.find(over)
  if (orphan) return orphaned(state, orphan, now, reasonOf(event))
  const waiting = state.ended.find((approval) => approval.delivery === 'pending' && over(approval))
  return waiting && delivered(state, waiting, event, now)
}

/** Why a request is over, in a word: the session's reason is a text in some events and a code with a message in others. */
const reasonOf = ({ payload, type }: SessionEvent): string => {
  const reason: unknown = 'reason' in payload ? payload.reason : undefined
  const code = reason !== null && typeof reason === 'object' ? (reason as { code?: unknown }).code : reason
  return typeof code === 'string' ? code : type
}

const requested = (
  state: ApprovalsState,
  event: EventOfType<'lane.session.request.raised'>,
  now: string,
  expiresAt: string | null,
): ApprovalDraft => {
  const raised = event.payload
  const approval: Approval = {
    approvalId: raised.approvalId,
    laneId: event.laneId,
    source: 'app-server',
    kind: raised.kind,
    reason: raised.reason,
    status: 'pending',
    createdAt: now,
    resolvedAt: null,
    threadId: raised.threadId,
    turnId: raised.turnId,
    itemId: raised.itemId,
    epoch: event.epoch ?? 0,
    raisedSeq: event.seq,
    request: raised.request ?? {},
    availableDecisions: raised.availableDecisions ?? [],
    decision: null,
    decidedBy: null,
    delivery: 'none',
    deliveredAt: null,
    expiresAt,
    endedReason: null,
  }
  return draft('lane.approval.requested', { ...state, appliedSeq: event.seq, pending: [...state.pending, approval] }, approval, {
    ...about(approval),
    request: approval.request,
  })
}

const orphaned = (state: ApprovalsState, approval: Approval, now: string, reason: string): ApprovalDraft => {
  const ended: Approval = { ...approval, status: 'orphaned', resolvedAt: now, endedReason: reason }
  return draft('lane.approval.orphaned', withEnded(state, ended), ended, about(ended))
}

const delivered = (state: ApprovalsState, approval: Approval, event: SessionEvent, now: string): ApprovalDraft => {
  const answered = event.type === 'lane.session.request.answered' && event.payload.approvalId === approval.approvalId
  if (answered) {
    const ended: Approval = { ...approval, delivery: 'delivered', deliveredAt: now }
    return draft('lane.approval.delivered', withEnded(state, ended), ended, about(ended))
  }
  const ended: Approval = { ...approval, delivery: 'lost', endedReason: reasonOf(event) }
  return draft('lane.approval.orphaned', withEnded(state, ended), ended, about(ended))
}

export type DecideRequest = {
  laneId: string
  approvalId: string
  action: 'approve' | 'deny'
  body: DecisionBody
  commandId: string
  now: string
}

/**
 * A person's decision. The first stored wins.
 * @returns undefined when this very command decided before
 * @throws BridgeError `approval_not_found`, `approval_already_resolved` (details name the winner), `approval_orphaned`,
 * `validation_error`, `idempotency_key_reused`
 */
export const decideResolution = (version: Version<ApprovalsState>, request: DecideRequest): ApprovalDraft | undefined => {
  const state = version.state
  if (state?.ended.some(({ approvalId, decidedBy }) => decidedBy === request.commandId && approvalId !== request.approvalId)) {
    throw new BridgeError('idempotency_key_reused')
  }
  const approval = state?.pending.find(({ approvalId }) => approvalId === request.approvalId)
  if (!state || !approval) return refuse(state, request)
  const decision = decisionOf(approval, request)
  const ended: Approval = {
    ...approval,
    status: decision.decision === 'approve' ? 'approved' : 'denied',
    resolvedAt: request.now,
    decision,
    decidedBy: request.commandId,
    delivery: approval.kind === 'manual' ? 'none' : 'pending',
  }
  return draft('lane.approval.resolved', withEnded(state, ended), ended, { ...about(ended), decision })
}

const refuse = (state: ApprovalsState | undefined, request: DecideRequest): undefined => {
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

const invalid = (path: string, message: string): BridgeError =>
  new BridgeError('validation_error', message, { details: [{ path, message }] })

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

/**
 * Asks a person something that Codex did not ask (`POST /debug/request-approval`): kind `manual`, answered to nobody.
 * @returns undefined when this very command asked before
 */
export const decideManualRequest = (
  version: Version<ApprovalsState>,
  request: {
    laneId: string
    incarnation: string
    approvalId: string
    source: Approval['source']
    reason: string
    now: string
    expiresAt: string | null
  },
): ApprovalDraft | undefined => {
  const { laneId, incarnation, approvalId, source, reason, now, expiresAt } = request
  const state = version.state?.incarnation === incarnation ? version.state : emptyState(laneId, incarnation)
  if ([...state.pending, ...state.ended].some((known) => known.approvalId === approvalId)) return
  const approval: Approval = {
    approvalId,
    laneId,
    source,
    kind: 'manual',
    reason,
    status: 'pending',
    createdAt: now,
    resolvedAt: null,
    threadId: null,
    turnId: null,
    itemId: null,
    epoch: 0,
    raisedSeq: version.seq,
    request: { debug: true },
    availableDecisions: ['approve', 'deny'],
    decision: null,
    decidedBy: null,
    delivery: 'none',
    deliveredAt: null,
    expiresAt,
    endedReason: null,
  }
  return draft('lane.approval.requested', { ...state, pending: [...state.pending, approval] }, approval, {
    ...about(approval),
    request: approval.request,
  })
}

/** Nobody decided in time: denied. @returns undefined when it is no longer pending or not due */
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
  return draft('lane.approval.expired', withEnded(state, ended), ended, { ...about(ended), decision })
}
