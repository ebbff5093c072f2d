import type { Version } from '@codex-bridge/bus'
import {
  type Approval,
  type Approvals,
  type ApprovalsState,
  BridgeError,
  type LaneState,
  type ReplyOf,
  type RequestOf,
} from '@codex-bridge/contracts'
import { fingerprint } from '@codex-bridge/service-kit'
import { type ApprovalsContext, expiryFrom } from './context.ts'
import { decideManualRequest } from './deciders/request-decider.ts'
import { decideResolution } from './deciders/resolution-decider.ts'

/** The verbs of the service. Every process answers them from the log, whichever leads. */
export class ApprovalService {
  readonly #context: ApprovalsContext

  constructor(context: ApprovalsContext) {
    this.#context = context
  }

  /** @throws BridgeError `lane_not_found` */
  async list({ laneId }: RequestOf<typeof Approvals.list>): Promise<ReplyOf<typeof Approvals.list>> {
    const [{ state }, lane] = await Promise.all([this.#context.approvals.load(laneId), this.#lane(laneId)])
    // The approvals of a lane that was deleted and created again under its id are not shown.
    const current = state?.incarnation === lane.incarnation ? state : undefined
    return {
      approvals: [...(current?.pending ?? []), ...(current?.ended ?? [])].sort((left, right) => left.raisedSeq - right.raisedSeq),
      nextCursor: null,
    }
  }

  /** Approves or denies. @throws BridgeError as decideResolution */
  async decide(request: RequestOf<typeof Approvals.decide>): Promise<Approval> {
    const now = new Date().toISOString()
    const { version } = await this.#context.approvals.transact(request.laneId, (current) => decideResolution(current, { ...request, now }))
    return approvalIn(version, request.approvalId)
  }

  /** Asks for a decision without Codex. @throws BridgeError `lane_not_found` */
  async request({ commandId, body }: RequestOf<typeof Approvals.request>): Promise<Approval> {
    const { laneId, source = 'runtime', reason = 'Asked by hand' } = body
    const { incarnation } = await this.#lane(laneId)
    const now = new Date()
    const approvalId = `apr_${fingerprint('request-approval', commandId).replaceAll(/[^A-Za-z0-9]/g, '0')}`
    const expiresAt = expiryFrom(now, this.#context.expirySec)
    const manual = { laneId, incarnation, approvalId, source, reason, now: now.toISOString(), expiresAt }
    const { version } = await this.#context.approvals.transact(laneId, (current) => decideManualRequest(current, manual))
    return approvalIn(version, approvalId)
  }

  async #lane(laneId: string): Promise<LaneState> {
    const lane = (await this.#context.log.last(laneId, 'lane'))?.state
    if (!lane || lane.deleted) throw new BridgeError('lane_not_found', `No lane ${laneId}`)
    return lane
  }
}

/** The approval that a decider has just written or recognized. */
const approvalIn = ({ state }: Version<ApprovalsState>, approvalId: string): Approval => {
  const approval = [...(state?.pending ?? []), ...(state?.ended ?? [])].find((known) => known.approvalId === approvalId)
  if (!approval) throw new Error(`approval ${approvalId} is not in the state that was written`)
  return approval
}
