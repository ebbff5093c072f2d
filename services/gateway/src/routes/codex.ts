import {
  ActiveThreadsQuery,
  AppListQuery,
  ModelListQuery,
  Registry,
  RpcBody,
  RunningCodexQuery,
  SkillListQuery,
  validator,
} from '@codex-bridge/contracts'
import { answerCommand, answerText } from '../http/answers.ts'
import { queryReader } from '../http/query-reader.ts'
import type { RouteHandler, RouteModule } from './gateway-router.ts'

const checkRpc = validator(RpcBody)
const activeQuery = queryReader(ActiveThreadsQuery)
const runningQuery = queryReader(RunningCodexQuery)
const appQuery = queryReader(AppListQuery)
const skillQuery = queryReader(SkillListQuery)
const modelQuery = queryReader(ModelListQuery)

const DEFAULT_WINDOW_SEC = 3600

/** Codex itself: any method, its lists, and what is going on. */
export const codexRoutes: RouteModule = (mount, bus) => {
  /**
   * @openapi
   * /codex/rpc:
   *   post:
   *     tags: [codex]
   *     summary: Call a method of the app-server
   *     description: |
   *       Answers the result as it is. A call on a thread that a lane holds goes to the lane's own process, others to one that is
   *       ended afterwards. Methods that leave the sandbox or change configuration or login are refused with
   *       `rpc_method_forbidden`, unless the bridge was started with `BRIDGE_RPC_UNRESTRICTED=1`.
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       required: true
   *       content:
   *         application/json:
   *           schema: { $ref: '#/components/schemas/RpcBody' }
   *           example: { method: thread/list, params: {} }
   *     x-responses: CodexAction
   */
  mount('post', '/codex/rpc', (ctx) => {
    const { method, params = {} } = checkRpc(ctx.state.json)
    return answerCommand(ctx, { status: 200 }, (commandId) => bus.command(Registry.rpc, { commandId, method, params }))
  })

  const list =
    (method: string, query: (ctx: Parameters<RouteHandler>[0]) => Record<string, unknown>): RouteHandler =>
    async (ctx) =>
      answerText(ctx, 200, await bus.command(Registry.rpc, { method, params: query(ctx) }))

  /**
   * @openapi
   * /codex/app/list:
   *   get:
   *     tags: [codex]
   *     summary: Apps of the account
   *     x-query: AppListQuery
   *     responses:
   *       200: { description: The result of app/list, content: { application/json: { schema: { $ref: '#/components/schemas/CodexResult' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       502: { $ref: '#/components/responses/Codex' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   *       504: { $ref: '#/components/responses/Timeout' }
   */
  mount('get', '/codex/app/list', list('app/list', appQuery))

  /**
   * @openapi
   * /codex/skills/list:
   *   get:
   *     tags: [codex]
   *     summary: Skills that Codex finds
   *     x-query: SkillListQuery
   *     responses:
   *       200: { description: The result of skills/list, content: { application/json: { schema: { $ref: '#/components/schemas/CodexResult' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       502: { $ref: '#/components/responses/Codex' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   *       504: { $ref: '#/components/responses/Timeout' }
   */
  mount('get', '/codex/skills/list', list('skills/list', skillQuery))

  /**
   * @openapi
   * /codex/model/list:
   *   get:
   *     tags: [codex]
   *     summary: Models that can be chosen
   *     x-query: ModelListQuery
   *     responses:
   *       200: { description: The result of model/list, content: { application/json: { schema: { $ref: '#/components/schemas/CodexResult' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       502: { $ref: '#/components/responses/Codex' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   *       504: { $ref: '#/components/responses/Timeout' }
   */
  mount('get', '/codex/model/list', list('model/list', modelQuery))

  /**
   * @openapi
   * /codex/active:
   *   get:
   *     tags: [codex]
   *     summary: Threads with recent activity, wherever they were driven
   *     description: Filters narrow the list, preferences order it; each entry says why it ranks where it does.
   *     x-query: ActiveThreadsQuery
   *     responses:
   *       200: { description: Best first, content: { application/json: { schema: { $ref: '#/components/schemas/ActiveThreads' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       502: { $ref: '#/components/responses/Codex' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   *       504: { $ref: '#/components/responses/Timeout' }
   */
  mount('get', '/codex/active', async (ctx) => {
    const query = { windowSec: DEFAULT_WINDOW_SEC, ...activeQuery(ctx) }
    answerText(ctx, 200, await bus.command(Registry.activeThreads, query))
  })

  /**
   * @openapi
   * /codex/running:
   *   get:
   *     tags: [codex]
   *     summary: Codex processes and the threads they hold
   *     description: Where the bridge cannot see processes, as in a container, `mode` is `inferred` and threads with recent activity are shown.
   *     x-query: RunningCodexQuery
   *     responses:
   *       200: { description: What runs, content: { application/json: { schema: { $ref: '#/components/schemas/RunningCodex' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('get', '/codex/running', async (ctx) => answerText(ctx, 200, await bus.command(Registry.runningCodex, runningQuery(ctx))))
}
