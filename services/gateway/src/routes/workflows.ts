import { Registry, StartVisible, validator } from '@codex-bridge/contracts'
import { answerCommand } from '../http/answers.ts'
import type { RouteModule } from './gateway-router.ts'
import { refuseReserved } from './lanes.ts'

const checkStart = validator(StartVisible)

/** Flows over several resources in one request. */
export const workflowRoutes: RouteModule = (mount, bus) => {
  /**
   * @openapi
   * /codex/workflows/start-visible:
   *   post:
   *     tags: [codex]
   *     summary: Create or take over a lane, its session and its thread, and prompt it
   *     description: With `threadId` an existing thread is taken over, else a new one is started.
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       content: { application/json: { schema: { $ref: '#/components/schemas/StartVisible' } } }
   *     responses:
   *       201:
   *         description: Lane, session, thread and the kickoff turn
   *         content: { application/json: { schema: { $ref: '#/components/schemas/StartVisibleResult' } } }
   *       202: { $ref: '#/components/responses/Unknown' }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       409: { $ref: '#/components/responses/Conflict' }
   *       413: { $ref: '#/components/responses/TooLarge' }
   *       415: { $ref: '#/components/responses/MediaType' }
   *       422: { $ref: '#/components/responses/KeyReused' }
   *       502: { $ref: '#/components/responses/Codex' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   *       504: { $ref: '#/components/responses/Timeout' }
   */
  mount('post', '/codex/workflows/start-visible', (ctx) => {
    const body = checkStart(ctx.state.json)
    refuseReserved(body.laneId)
    const lane = body.laneId === undefined ? {} : { laneId: body.laneId }
    return answerCommand(ctx, { status: 201, ...lane }, (commandId) => bus.command(Registry.startVisible, { commandId, body }))
  })
}
