import { BridgeError, LaneCreate, LaneListQuery, Registry, validator } from '@codex-bridge/contracts'
import { answerCommand, answerText } from '../http/answers.ts'
import { queryReader } from '../http/query-reader.ts'
import { integerOf, laneIdOf, minSeqOf, typePatternsOf } from '../http/request-parameters.ts'
import type { RouteModule } from './gateway-router.ts'

const DEFAULT_LANES = 100
const DEFAULT_EVENTS = 100
const MAX_EVENTS = 1000
const MAX_PATTERNS = 50

const checkCreate = validator(LaneCreate)
const listQuery = queryReader(LaneListQuery)

/** Lane ids that a path of this API already means something else by. */
const RESERVED_IDS = new Set(['sessions', 'attach', 'cleanup'])

/** @throws BridgeError `validation_error` for a lane id that could not be addressed */
export const refuseReserved = (laneId: string | undefined): void => {
  if (laneId !== undefined && RESERVED_IDS.has(laneId)) {
    throw new BridgeError('validation_error', undefined, {
      details: [{ path: '/laneId', message: `"${laneId}" is a path of the API and cannot name a lane` }],
    })
  }
}

/** Lanes and their events. */
export const laneRoutes: RouteModule = (mount, bus) => {
  /**
   * @openapi
   * /lanes:
   *   post:
   *     tags: [lanes]
   *     summary: Create a lane
   *     description: |
   *       With `worktree: true` a git worktree of `repoRoot` is made for it first; what stands in its way is 409 `worktree_blocked`.
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       content:
   *         application/json:
   *           schema: { $ref: '#/components/schemas/LaneCreate' }
   *     responses:
   *       201: { description: The lane, content: { application/json: { schema: { $ref: '#/components/schemas/Lane' } } } }
   *       202: { $ref: '#/components/responses/Unknown' }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       409: { $ref: '#/components/responses/Conflict' }
   *       413: { $ref: '#/components/responses/TooLarge' }
   *       415: { $ref: '#/components/responses/MediaType' }
   *       422: { $ref: '#/components/responses/KeyReused' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('post', '/lanes', (ctx) => {
    const body = checkCreate(ctx.state.json)
    refuseReserved(body.laneId)
    const lane = body.laneId === undefined ? {} : { laneId: body.laneId }
    return answerCommand(ctx, { status: 201, ...lane }, (commandId) => bus.command(Registry.createLane, { commandId, body }))
  })

  /**
   * @openapi
   * /lanes:
   *   get:
   *     tags: [lanes]
   *     summary: List lanes
   *     description: Newest first; the order stays while lanes change. What is given must all hold.
   *     x-query: LaneListQuery
   *     parameters:
   *       - $ref: '#/components/parameters/MinSeq'
   *     responses:
   *       200: { description: A page of lanes, content: { application/json: { schema: { $ref: '#/components/schemas/LaneList' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('get', '/lanes', async (ctx) => {
    const { limit = DEFAULT_LANES, cursor, status, ...rest } = listQuery(ctx)
    const filter = { ...(status && { statuses: status }), ...rest }
    const request = { limit, ...(cursor && { cursor }), ...(Object.keys(filter).length > 0 && { filter }), ...minSeqOf(ctx) }
    answerText(ctx, 200, await bus.read(Registry.listLanes, request))
  })

  /**
   * @openapi
   * /lanes/{laneId}:
   *   parameters:
   *     - $ref: '#/components/parameters/LaneId'
   *   get:
   *     tags: [lanes]
   *     summary: Read a lane
   *     parameters:
   *       - $ref: '#/components/parameters/MinSeq'
   *     responses:
   *       200: { description: The lane, content: { application/json: { schema: { $ref: '#/components/schemas/Lane' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('get', '/lanes/:laneId', async (ctx) =>
    answerText(ctx, 200, await bus.read(Registry.getLane, { laneId: laneIdOf(ctx), ...minSeqOf(ctx) })),
  )

  /**
   * @openapi
   * /lanes/{laneId}:
   *   delete:
   *     tags: [lanes]
   *     summary: Delete a lane
   *     description: |
   *       Stops its session first. A worktree that the bridge made for it is removed when nothing would be lost, and kept else;
   *       the `lane.deleted` event says which, and why.
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     responses:
   *       204: { description: Deleted }
   *       202: { $ref: '#/components/responses/Unknown' }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       409: { $ref: '#/components/responses/Conflict' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('delete', '/lanes/:laneId', (ctx) => {
    const laneId = laneIdOf(ctx)
    return answerCommand(ctx, { status: 204, laneId }, (commandId) => bus.command(Registry.deleteLane, { commandId, laneId }))
  })

  /**
   * @openapi
   * /lanes/{laneId}/events:
   *   parameters:
   *     - $ref: '#/components/parameters/LaneId'
   *   get:
   *     tags: [lanes]
   *     summary: Events of a lane, oldest first
   *     description: A page of large events ends early; nextCursor, as after, goes on behind it.
   *     parameters:
   *       - { name: after, in: query, description: Only events with a higher seq, schema: { type: integer, minimum: 0, default: 0 } }
   *       - { name: limit, in: query, schema: { type: integer, minimum: 1, maximum: 1000, default: 100 } }
   *       - $ref: '#/components/parameters/Types'
   *     responses:
   *       200: { description: A page of events, content: { application/json: { schema: { $ref: '#/components/schemas/EventList' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('get', '/lanes/:laneId/events', async (ctx) => {
    const types = typePatternsOf(ctx, MAX_PATTERNS)
    const request = {
      laneId: laneIdOf(ctx),
      after: integerOf(ctx, 'after', { min: 0, max: Number.MAX_SAFE_INTEGER }) ?? 0,
      limit: integerOf(ctx, 'limit', { min: 1, max: MAX_EVENTS }) ?? DEFAULT_EVENTS,
      ...(types.length > 0 && { types }),
    }
    answerText(ctx, 200, await bus.read(Registry.laneEvents, request))
  })
}
