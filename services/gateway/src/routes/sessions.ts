import { EmptyBody, InterruptBody, PromptBody, Registry, type RequestOf, Sessions, validator } from '@codex-bridge/contracts'
import { sendToSession, type TurnVerb } from '../bus/session-commands.ts'
import { answerCommand, answerText } from '../http/answers.ts'
import { laneIdOf, minSeqOf } from '../http/request-parameters.ts'
import type { RouteHandler, RouteModule } from './gateway-router.ts'

const checkEmpty = validator(EmptyBody)
const checkPrompt = validator(PromptBody)
const checkInterrupt = validator(InterruptBody)

const asCommand =
  <B>(body: B) =>
  (commandId: string) => ({ commandId, body })

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
  mount('get', '/lanes/sessions', async (ctx) => answerText(ctx, 200, await bus.read(Registry.listSessions, {})))

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
    answerText(ctx, 200, await bus.read(Registry.getSession, { laneId: laneIdOf(ctx), ...minSeqOf(ctx) })),
  )

  const changeSession =
    (verb: typeof Registry.startSession | typeof Registry.stopSession): RouteHandler =>
    (ctx) => {
      const laneId = laneIdOf(ctx)
      checkEmpty(ctx.state.json)
      return answerCommand(ctx, { status: 200, laneId }, (commandId) => bus.command(verb, { commandId, laneId }))
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
  mount('post', '/lanes/:laneId/session/start', changeSession(Registry.startSession))

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
  mount('post', '/lanes/:laneId/session/stop', changeSession(Registry.stopSession))

  /** Prompt, steer and interrupt differ in their body only: the session decides. */
  const turn =
    <V extends TurnVerb>(verb: V, read: (json: unknown) => (commandId: string) => RequestOf<V>): RouteHandler =>
    (ctx) => {
      const laneId = laneIdOf(ctx)
      const request = read(ctx.state.json)
      return answerCommand(ctx, { status: 202, laneId }, (commandId) => sendToSession(bus, { laneId, verb, request: request(commandId) }))
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
  mount(
    'post',
    '/lanes/:laneId/prompt',
    turn(Sessions.prompt, (json) => asCommand(checkPrompt(json))),
  )

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
  mount(
    'post',
    '/lanes/:laneId/steer',
    turn(Sessions.steer, (json) => asCommand(checkPrompt(json))),
  )

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
  mount(
    'post',
    '/lanes/:laneId/interrupt',
    turn(Sessions.interrupt, (json) => asCommand(checkInterrupt(json))),
  )
}
