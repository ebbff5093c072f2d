import { EmptyBody, Registry, validator, WatchStart } from '@codex-bridge/contracts'
import { answerText } from '../http/answers.ts'
import type { RouteModule } from './gateway-router.ts'

const checkStart = validator(WatchStart)
const checkEmpty = validator(EmptyBody)

/** The watcher: notices what happens to the threads of lanes outside the bridge. */
export const watchRoutes: RouteModule = (mount, bus) => {
  /**
   * @openapi
   * /watch/status:
   *   get:
   *     tags: [watch]
   *     summary: State of the watcher
   *     responses:
   *       200: { description: The watcher, content: { application/json: { schema: { $ref: '#/components/schemas/WatchStatus' } } } }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('get', '/watch/status', async (ctx) => answerText(ctx, 200, await bus.read(Registry.watchStatus, {})))

  /**
   * @openapi
   * /watch/start:
   *   post:
   *     tags: [watch]
   *     summary: Start the watcher, or change its interval
   *     requestBody:
   *       content:
   *         application/json:
   *           schema: { $ref: '#/components/schemas/WatchStart' }
   *           example: { intervalSec: 15 }
   *     responses:
   *       200: { description: The watcher, content: { application/json: { schema: { $ref: '#/components/schemas/WatchStatus' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       415: { $ref: '#/components/responses/MediaType' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('post', '/watch/start', async (ctx) => answerText(ctx, 200, await bus.command(Registry.watchStart, checkStart(ctx.state.json))))

  /**
   * @openapi
   * /watch/stop:
   *   post:
   *     tags: [watch]
   *     summary: Stop the watcher
   *     responses:
   *       200: { description: The watcher, content: { application/json: { schema: { $ref: '#/components/schemas/WatchStatus' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('post', '/watch/stop', async (ctx) => answerText(ctx, 200, await bus.command(Registry.watchStop, checkEmpty(ctx.state.json))))

  /**
   * @openapi
   * /watch/tick:
   *   post:
   *     tags: [watch]
   *     summary: Look now, also while the watcher is stopped
   *     responses:
   *       200: { description: The watcher after the look, content: { application/json: { schema: { $ref: '#/components/schemas/WatchStatus' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('post', '/watch/tick', async (ctx) => answerText(ctx, 200, await bus.command(Registry.watchTick, checkEmpty(ctx.state.json))))
}
