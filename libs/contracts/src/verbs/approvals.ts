import { Type } from 'typebox'
import { Approval, DecisionBody } from '../approvals/approval.ts'
import { LaneId } from '../foundation/ids.ts'
import { DebugApproval } from '../lanes/bodies.ts'
import { CommandId, verbsOf } from './verb.ts'

const commandId = { commandId: CommandId }

/** lane.cmd.approvals.* */
export const Approvals = verbsOf('approvals', {
  list: {
    request: Type.Object({ laneId: LaneId }),
    reply: Type.Object({ approvals: Type.Array(Approval), nextCursor: Type.Null() }),
  },
  decide: {
    request: Type.Object({
      ...commandId,
      laneId: LaneId,
      approvalId: Type.String({ maxLength: 128 }),
      action: Type.Enum(['approve', 'deny']),
      body: DecisionBody,
    }),
    reply: Approval,
  },
  /** Asks for a decision without Codex: `POST /debug/request-approval`. */
  request: { request: Type.Object({ ...commandId, body: DebugApproval }), reply: Approval },
  health: { request: Type.Object({}), reply: Type.Object({ instance: Type.String(), leading: Type.Boolean() }) },
})
