import { EmptyBody, InterruptBody, PromptBody, subjects, validator } from '@codex-bridge/contracts'
import { sendToSession, type TurnVerb } from '../bus/session-commands.ts'
import { answerCommand, answerText } from '../http/answers.ts'
import { laneIdOf, minSeqOf } from '../http/request-parameters.ts'
import type { RouteHandler, RouteModule } from './gateway-router.ts'

const registry = (verb: string) => subjects.command('registry', verb)

const checkEmpty = validator(EmptyBody)
const checkTurn = { prompt: validator(PromptBody), steer: validator(PromptBody), interrupt: validator(InterruptBody) }

/** Sessions of lanes and the turns in them. Mounted before the lane routes: `/lanes/sessions` is no lane. */
export const sessionRoutes: RouteModule = (mount, bus) => {
  /**
   * @openapi
   * /lanes/sessions:
   *   get:
   *     tags: [lanes]
   *     summary: Snapshots of all lane sessions
   *     responses:
   *       200: { description: Sessions, content: { application/json: { schema: { $ref: '#/components/schemas/SessionList' } } } }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('get', '/lanes/sessions', async (ctx) => answerText(ctx, 200, await bus.read(registry('list-sessions'), {})))

  /**
   * @openapi
   * /lanes/{laneId}/session/status:
   *   parameters:
   *     - $ref: '#/components/parameters/LaneId'
   *   get:
   *     tags: [lanes]
   *     summary: Read the session of a lane
   *     parameters:
   *       - $ref: '#/components/parameters/MinSeq'
   *     responses:
   *       200: { description: The session, content: { application/json: { schema: { $ref: '#/components/schemas/Session' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('get', '/lanes/:laneId/session/status', async (ctx) =>
    answerText(ctx, 200, await bus.read(registry('get-session'), { laneId: laneIdOf(ctx), ...minSeqOf(ctx) })),
  )

  const changeSession =
    (verb: 'start-session' | 'stop-session'): RouteHandler =>
    (ctx) => {
      const laneId = laneIdOf(ctx)
      checkEmpty(ctx.state.json)
      return answerCommand(ctx, { status: 200, laneId }, (commandId) => bus.command(registry(verb), { commandId, laneId }))
    }

  /**
   * @openapi
   * /lanes/{laneId}/session/start:
   *   parameters:
   *     - $ref: '#/components/parameters/LaneId'
   *   post:
   *     tags: [lanes]
   *     summary: Start the session of a lane
   *     description: Answers when the session is live or cannot be. A session that is live already is answered as it is.
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     responses:
   *       200: { description: The session, content: { application/json: { schema: { $ref: '#/components/schemas/Session' } } } }
   *       202: { $ref: '#/components/responses/Unknown' }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       409: { $ref: '#/components/responses/Conflict' }
   *       422: { $ref: '#/components/responses/KeyReused' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('post', '/lanes/:laneId/session/start', changeSession('start-session'))

  /**
   * @openapi
   * /lanes/{laneId}/session/stop:
   *   parameters:
   *     - $ref: '#/components/parameters/LaneId'
   *   post:
   *     tags: [lanes]
   *     summary: Stop the session of a lane
   *     description: A running turn is interrupted first.
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     responses:
   *       200: { description: The session, content: { application/json: { schema: { $ref: '#/components/schemas/Session' } } } }
   *       202: { $ref: '#/components/responses/Unknown' }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       422: { $ref: '#/components/responses/KeyReused' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('post', '/lanes/:laneId/session/stop', changeSession('stop-session'))

  /** Prompt, steer and interrupt differ in their body only: the session decides. */
  const turn =
    (verb: TurnVerb): RouteHandler =>
    (ctx) => {
      const laneId = laneIdOf(ctx)
      const body = checkTurn[verb](ctx.state.json)
      return answerCommand(ctx, { status: 202, laneId }, (commandId) => sendToSession(bus, { laneId, verb, commandId, body }))
    }

  /**
   * @openapi
   * /lanes/{laneId}/prompt:
   *   parameters:
   *     - $ref: '#/components/parameters/LaneId'
   *   post:
   *     tags: [lanes]
   *     summary: Start a turn
   *     description: Starts or wakes the session when the lane has none. `lane.turn.completed` tells how the turn ends.
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       required: true
   *       content: { application/json: { schema: { $ref: '#/components/schemas/PromptBody' } } }
   *     responses:
   *       202: { $ref: '#/components/responses/Turn' }
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
  mount('post', '/lanes/:laneId/prompt', turn('prompt'))

  /**
   * @openapi
   * /lanes/{laneId}/steer:
   *   parameters:
   *     - $ref: '#/components/parameters/LaneId'
   *   post:
   *     tags: [lanes]
   *     summary: Add input to the running turn
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       required: true
   *       content: { application/json: { schema: { $ref: '#/components/schemas/PromptBody' } } }
   *     responses:
   *       202: { $ref: '#/components/responses/Turn' }
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
  mount('post', '/lanes/:laneId/steer', turn('steer'))

  /**
   * @openapi
   * /lanes/{laneId}/interrupt:
   *   parameters:
   *     - $ref: '#/components/parameters/LaneId'
   *   post:
   *     tags: [lanes]
   *     summary: Interrupt the running turn
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       content: { application/json: { schema: { $ref: '#/components/schemas/InterruptBody' } } }
   *     responses:
   *       202: { $ref: '#/components/responses/Turn' }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       409: { $ref: '#/components/responses/Conflict' }
   *       422: { $ref: '#/components/responses/KeyReused' }
   *       502: { $ref: '#/components/responses/Codex' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   *       504: { $ref: '#/components/responses/Timeout' }
   */
  mount('post', '/lanes/:laneId/interrupt', turn('interrupt'))
}
