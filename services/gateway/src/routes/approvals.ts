import { Approvals, DecisionBody } from '@codex-bridge/contracts'
import { command, read } from '../bus/bus-routes.ts'
import type { Route } from '../http/route.ts'

/** Requests of Codex that wait for a person. */
export const approvalRoutes: readonly Route[] = [
  /**
   * @openapi
   * /lanes/{laneId}/approvals:
   *   get:
   *     tags: [approvals]
   *     summary: List the approvals of a lane
   *     description: Pending approvals and the most recent ended ones. Older ones are in the events of the lane.
   */
  read({
    path: '/lanes/{laneId}/approvals',
    verb: Approvals.list,
    errors: ['lane_not_found'],
    request: ({ path }) => path,
  }),

  /**
   * @openapi
   * /lanes/{laneId}/approvals/{approvalId}/approve:
   *   post:
   *     tags: [approvals]
   *     summary: Approve a request
   *     description: The first decision wins. A later one gets 409 with the winning decision.
   */
  command({
    path: '/lanes/{laneId}/approvals/{approvalId}/approve',
    body: DecisionBody,
    status: 200,
    verb: Approvals.decide,
    errors: ['lane_not_found', 'approval_already_resolved', 'approval_orphaned', 'conflict'],
    request: ({ path, body, commandId }) => ({ ...path, commandId, action: 'approve' as const, body }),
  }),

  /**
   * @openapi
   * /lanes/{laneId}/approvals/{approvalId}/deny:
   *   post:
   *     tags: [approvals]
   *     summary: Deny a request
   *     description: The first decision wins. A later one gets 409 with the winning decision.
   */
  command({
    path: '/lanes/{laneId}/approvals/{approvalId}/deny',
    body: DecisionBody,
    status: 200,
    verb: Approvals.decide,
    errors: ['lane_not_found', 'approval_already_resolved', 'approval_orphaned', 'conflict'],
    request: ({ path, body, commandId }) => ({ ...path, commandId, action: 'deny' as const, body }),
  }),
]
