import { Approvals, DecisionBody, validator } from '@codex-bridge/contracts'
import { answerCommand, answerText } from '../http/answers.ts'
import { laneIdOf } from '../http/request-parameters.ts'
import type { RouteHandler, RouteModule } from './gateway-router.ts'

const checkDecision = validator(DecisionBody)

/** Requests of Codex that wait for a person. */
export const approvalRoutes: RouteModule = (mount, bus) => {
  /**
   * @openapi
   * /lanes/{laneId}/approvals:
   *   parameters:
   *     - $ref: '#/components/parameters/LaneId'
   *   get:
   *     tags: [approvals]
   *     summary: Approvals of a lane
   *     responses:
   *       200: { description: Approvals, content: { application/json: { schema: { $ref: '#/components/schemas/ApprovalList' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('get', '/lanes/:laneId/approvals', async (ctx) => answerText(ctx, 200, await bus.read(Approvals.list, { laneId: laneIdOf(ctx) })))

  const decide =
    (action: 'approve' | 'deny'): RouteHandler =>
    (ctx) => {
      const laneId = laneIdOf(ctx)
      const approvalId = (ctx.params['approvalId'] ?? '').slice(0, 128)
      const body = checkDecision(ctx.state.json)
      return answerCommand(ctx, { status: 200, laneId }, (commandId) =>
        bus.command(Approvals.decide, { commandId, laneId, approvalId, action, body }),
      )
    }

  /**
   * @openapi
   * /lanes/{laneId}/approvals/{approvalId}/approve:
   *   parameters:
   *     - $ref: '#/components/parameters/LaneId'
   *     - $ref: '#/components/parameters/ApprovalId'
   *   post:
   *     tags: [approvals]
   *     summary: Approve
   *     description: The first decision wins; whoever comes later gets 409 with the winner.
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       content: { application/json: { schema: { $ref: '#/components/schemas/DecisionBody' } } }
   *     responses:
   *       200: { description: The approval, content: { application/json: { schema: { $ref: '#/components/schemas/Approval' } } } }
   *       202: { $ref: '#/components/responses/Unknown' }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       409: { $ref: '#/components/responses/Conflict' }
   *       422: { $ref: '#/components/responses/KeyReused' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('post', '/lanes/:laneId/approvals/:approvalId/approve', decide('approve'))

  /**
   * @openapi
   * /lanes/{laneId}/approvals/{approvalId}/deny:
   *   parameters:
   *     - $ref: '#/components/parameters/LaneId'
   *     - $ref: '#/components/parameters/ApprovalId'
   *   post:
   *     tags: [approvals]
   *     summary: Deny
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       content: { application/json: { schema: { $ref: '#/components/schemas/DecisionBody' } } }
   *     responses:
   *       200: { description: The approval, content: { application/json: { schema: { $ref: '#/components/schemas/Approval' } } } }
   *       202: { $ref: '#/components/responses/Unknown' }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       409: { $ref: '#/components/responses/Conflict' }
   *       422: { $ref: '#/components/responses/KeyReused' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('post', '/lanes/:laneId/approvals/:approvalId/deny', decide('deny'))
}
