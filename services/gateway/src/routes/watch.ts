import { EmptyBody, subjects, validator, WatchStart } from '@codex-bridge/contracts'
import { answerText } from '../http/answers.ts'
import type { RouteHandler, RouteModule } from './gateway-router.ts'

const registry = (verb: string) => subjects.command('registry', verb)
const checkStart = validator(WatchStart)
const checkEmpty = validator(EmptyBody)

/** The watcher: notices what happens to the threads of lanes outside the bridge. */
export const watchRoutes: RouteModule = (mount, bus) => {
  const command =
    (verb: 'watch-start' | 'watch-stop' | 'watch-tick', check: (body: unknown) => object): RouteHandler =>
    async (ctx) =>
      answerText(ctx, 200, await bus.command(registry(verb), check(ctx.state.json)))

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
  mount('get', '/watch/status', async (ctx) => answerText(ctx, 200, await bus.read(registry('watch-status'), {})))

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
  mount('post', '/watch/start', command('watch-start', checkStart))

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
  mount('post', '/watch/stop', command('watch-stop', checkEmpty))

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
  mount('post', '/watch/tick', command('watch-tick', checkEmpty))
}
