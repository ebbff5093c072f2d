import { AttachLane, CleanupBody, EmptyBody, Registry, validator } from '@codex-bridge/contracts'
import { answerCommand } from '../http/answers.ts'
import { laneIdOf } from '../http/request-parameters.ts'
import type { RouteModule } from './gateway-router.ts'
import { refuseReserved } from './lanes.ts'

const checkAttach = validator(AttachLane)
const checkCleanup = validator(CleanupBody)
const checkEmpty = validator(EmptyBody)

/** What is done to lanes beside creating them. Mounted before the lane routes: `/lanes/attach` is no lane. */
export const laneFlowRoutes: RouteModule = (mount, bus) => {
  /**
   * @openapi
   * /lanes/attach:
   *   post:
   *     tags: [lanes]
   *     summary: Make a lane of an existing thread
   *     description: |
   *       Nothing is run and no lock is taken: the session starts by command or with the first prompt. `strict` lanes then refuse a
   *       thread that cannot be resumed as it is, `lenient` ones wait for it.
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       required: true
   *       content:
   *         application/json:
   *           schema: { $ref: '#/components/schemas/AttachLane' }
   *           example: { laneId: lane-takeover, threadId: 019a1b2c-0000-7000-8000-000000000000, preferredSurface: any, readinessMode: strict }
   *     responses:
   *       201: { description: The lane, content: { application/json: { schema: { $ref: '#/components/schemas/Lane' } } } }
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
  mount('post', '/lanes/attach', (ctx) => {
    const body = checkAttach(ctx.state.json)
    refuseReserved(body.laneId)
    const lane = body.laneId === undefined ? {} : { laneId: body.laneId }
    return answerCommand(ctx, { status: 201, ...lane }, (commandId) => bus.command(Registry.attach, { commandId, body }))
  })

  /**
   * @openapi
   * /lanes/cleanup:
   *   post:
   *     tags: [lanes]
   *     summary: Delete lanes that are over
   *     description: Only says what it would do unless `dryRun` is false. A lane whose turn runs is kept.
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       content:
   *         application/json:
   *           schema: { $ref: '#/components/schemas/CleanupBody' }
   *           example: { statuses: [blocked, done, failed, interrupted], olderThanHours: 24, syntheticOnly: false, limit: 100, dryRun: true }
   *     responses:
   *       200: { description: What was done to each lane, content: { application/json: { schema: { $ref: '#/components/schemas/CleanupResult' } } } }
   *       202: { $ref: '#/components/responses/Unknown' }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       413: { $ref: '#/components/responses/TooLarge' }
   *       415: { $ref: '#/components/responses/MediaType' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('post', '/lanes/cleanup', (ctx) => {
    const body = checkCleanup(ctx.state.json)
    return answerCommand(ctx, { status: 200 }, (commandId) => bus.command(Registry.cleanup, { commandId, body }))
  })

  /**
   * @openapi
   * /lanes/{laneId}/sync-from-codex:
   *   parameters:
   *     - $ref: '#/components/parameters/LaneId'
   *   post:
   *     tags: [lanes]
   *     summary: Refresh what the lane says of its thread
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     responses:
   *       200: { description: The lane, content: { application/json: { schema: { $ref: '#/components/schemas/Lane' } } } }
   *       202: { $ref: '#/components/responses/Unknown' }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       422: { $ref: '#/components/responses/KeyReused' }
   *       502: { $ref: '#/components/responses/Codex' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   *       504: { $ref: '#/components/responses/Timeout' }
   */
  mount('post', '/lanes/:laneId/sync-from-codex', (ctx) => {
    const laneId = laneIdOf(ctx)
    checkEmpty(ctx.state.json)
    return answerCommand(ctx, { status: 200, laneId }, (commandId) => bus.command(Registry.syncLane, { commandId, laneId }))
  })
}
