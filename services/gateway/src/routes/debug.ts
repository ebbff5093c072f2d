import { Approvals, DebugApproval, DebugComplete, ReconcileBody, Registry, validator } from '@codex-bridge/contracts'
import { answerCommand, answerText } from '../http/answers.ts'
import type { RouteModule } from './gateway-router.ts'

const checkApproval = validator(DebugApproval)
const checkComplete = validator(DebugComplete)
const checkReconcile = validator(ReconcileBody)

/** What an operator may do by hand; everything goes the way of real events. */
export const debugRoutes: RouteModule = (mount, bus) => {
  /**
   * @openapi
   * /debug/request-approval:
   *   post:
   *     tags: [debug]
   *     summary: Ask for an approval that Codex did not ask for
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       required: true
   *       content:
   *         application/json:
   *           schema: { $ref: '#/components/schemas/DebugApproval' }
   *           example: { laneId: lane-id, source: runtime, reason: May I }
   *     responses:
   *       201: { description: The approval, content: { application/json: { schema: { $ref: '#/components/schemas/Approval' } } } }
   *       202: { $ref: '#/components/responses/Unknown' }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       415: { $ref: '#/components/responses/MediaType' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('post', '/debug/request-approval', (ctx) => {
    const body = checkApproval(ctx.state.json)
    const { laneId } = body
    return answerCommand(ctx, { status: 201, laneId }, (commandId) => bus.command(Approvals.request, { commandId, body }))
  })

  /**
   * @openapi
   * /debug/complete:
   *   post:
   *     tags: [debug]
   *     summary: Mark a lane done by hand
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       required: true
   *       content:
   *         application/json:
   *           schema: { $ref: '#/components/schemas/DebugComplete' }
   *           example: { laneId: lane-id, note: Looked at it }
   *     responses:
   *       200: { description: The lane, content: { application/json: { schema: { $ref: '#/components/schemas/Lane' } } } }
   *       202: { $ref: '#/components/responses/Unknown' }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       415: { $ref: '#/components/responses/MediaType' }
   *       422: { $ref: '#/components/responses/KeyReused' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('post', '/debug/complete', (ctx) => {
    const body = checkComplete(ctx.state.json)
    const { laneId } = body
    return answerCommand(ctx, { status: 200, laneId }, (commandId) => bus.command(Registry.debugComplete, { commandId, body }))
  })

  /**
   * @openapi
   * /debug/reconcile-stale:
   *   post:
   *     tags: [debug]
   *     summary: Compare every lane that looks live with the world, now
   *     requestBody:
   *       content:
   *         application/json:
   *           schema: { $ref: '#/components/schemas/ReconcileBody' }
   *           example: { clearSyntheticRunningLanes: true, clearOrphanedActiveTurns: true }
   *     responses:
   *       200: { description: What was put right, content: { application/json: { schema: { $ref: '#/components/schemas/ReconcileResult' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       415: { $ref: '#/components/responses/MediaType' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('post', '/debug/reconcile-stale', async (ctx) => {
    const body = checkReconcile(ctx.state.json)
    answerText(ctx, 200, await bus.command(Registry.debugReconcile, { body }))
  })
}
