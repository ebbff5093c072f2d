import { type Static, Type } from 'typebox'
import { LaneId, Nullable, Timestamp } from '../foundation/ids.ts'

/** What Codex (or a person, with `manual`) asks for. */
export const APPROVAL_KINDS = ['command', 'file_change', 'permissions', 'user_input', 'mcp_elicitation', 'manual'] as const
export const ApprovalKind = Type.Enum([...APPROVAL_KINDS])
export type ApprovalKind = (typeof APPROVAL_KINDS)[number]

/** `pending|approved|denied` are the contract's; the other two say why nobody can answer any more. */
const APPROVAL_STATUSES = ['pending', 'approved', 'denied', 'expired', 'orphaned'] as const
const ApprovalStatus = Type.Enum([...APPROVAL_STATUSES])

/** Whether the answer reached Codex: a fact apart from the decision. `lost`: the process ended first. */
const DeliveryStatus = Type.Enum(['none', 'pending', 'delivered', 'lost'])

/**
 * A person's decision. `approve` and `deny` are enough for every kind; `scope` widens an approval to the session,
 * `cancel` also ends the turn; `answers` and `content` are the replies to questions and forms.
 */
export const Decision = Type.Object({
  decision: Type.Enum(['approve', 'deny', 'cancel']),
  scope: Type.Optional(Type.Enum(['once', 'session'])),
  note: Type.Optional(Type.String({ maxLength: 4096 })),
  answers: Type.Optional(Type.Record(Type.String(), Type.Array(Type.String()))),
  content: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
})
export type Decision = Static<typeof Decision>

export const Approval = Type.Object(
  {
    approvalId: Type.String(),
    laneId: LaneId,
    source: Type.Enum(['app-server', 'runtime']),
    kind: ApprovalKind,
    reason: Type.String(),
    status: ApprovalStatus,
    createdAt: Timestamp,
    resolvedAt: Nullable(Timestamp),
    threadId: Nullable(Type.String()),
    turnId: Nullable(Type.String()),
    itemId: Nullable(Type.String()),
    epoch: Type.Integer({ minimum: 0 }),
    raisedSeq: Type.Integer({ minimum: 0, description: 'Sequence of the session event that raised it' }),
    request: Type.Record(Type.String(), Type.Unknown(), {
      description: 'What is needed to decide: command and cwd, file changes, questions, permissions, form schema',
    }),
    availableDecisions: Type.Array(Type.String()),
    decision: Nullable(Decision),
    decidedBy: Nullable(Type.String({ description: 'commandId of the winning decision' })),
    delivery: DeliveryStatus,
    deliveredAt: Nullable(Timestamp),
    expiresAt: Nullable(Timestamp),
    endedReason: Nullable(Type.String()),
  },
  { $id: 'Approval', description: 'A request that waits for a person, and what became of it' },
)
export type Approval = Static<typeof Approval>

/** How many ended approvals the aggregate's state keeps; older ones are in the event log. */
export const ENDED_APPROVALS_KEPT = 20

/** Post-state of the approval aggregate, carried by every event on `lane.evt.{laneId}.approval`. */
export const ApprovalsState = Type.Object({
  laneId: LaneId,
  incarnation: Type.String(),
  pending: Type.Array(Approval),
  ended: Type.Array(Approval),
  /** Sequence of the last raised request folded in: makes re-processing a no-op. */
  appliedSeq: Type.Integer({ minimum: 0 }),
})
export type ApprovalsState = Static<typeof ApprovalsState>

/** Body of `POST …/approve|deny`; all optional, the action in the path decides. */
export const DecisionBody = Type.Object(
  {
    scope: Decision.properties.scope,
    note: Decision.properties.note,
    answers: Decision.properties.answers,
    content: Decision.properties.content,
    decision: Type.Optional(Type.Enum(['approve', 'deny', 'cancel'])),
  },
  { $id: 'DecisionBody', additionalProperties: false },
)
export type DecisionBody = Static<typeof DecisionBody>
