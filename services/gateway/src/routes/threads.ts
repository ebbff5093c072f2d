import {
  Registry,
  ThreadAction,
  ThreadListQuery,
  ThreadReadQuery,
  ThreadRollback,
  ThreadStart,
  TurnInterrupt,
  TurnStart,
  TurnSteer,
  validator,
} from '@codex-bridge/contracts'
import { answerCommand, answerText } from '../http/answers.ts'
import { queryReader } from '../http/query-reader.ts'
import { threadIdOf } from '../http/request-parameters.ts'
import type { RouteHandler, RouteModule } from './gateway-router.ts'

const listQuery = queryReader(ThreadListQuery)
const readQuery = queryReader(ThreadReadQuery)
const checkStart = validator(ThreadStart)
const checkAction = validator(ThreadAction)
const checkRollback = validator(ThreadRollback)
const checkTurn = { start: validator(TurnStart), steer: validator(TurnSteer), interrupt: validator(TurnInterrupt) }

/** What the bridge reads of a turn's body itself; the rest is for Codex. */
const OWN_FIELDS = {
  start: ['threadId', ...Object.keys(TurnStart.properties)],
  steer: ['threadId', ...Object.keys(TurnSteer.properties)],
  interrupt: ['threadId', ...Object.keys(TurnInterrupt.properties)],
}

const DEFAULT_THREADS = 50

/** Threads of Codex and the turns in them, whether a lane is attached or not. */
export const threadRoutes: RouteModule = (mount, bus) => {
  /**
   * @openapi
   * /codex/threads:
   *   get:
   *     tags: [codex]
   *     summary: List threads
   *     description: Newest first. A thread without a first message is stored but not listed by Codex.
   *     x-query: ThreadListQuery
   *     responses:
   *       200: { description: A page of threads, content: { application/json: { schema: { $ref: '#/components/schemas/ThreadList' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       502: { $ref: '#/components/responses/Codex' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   *       504: { $ref: '#/components/responses/Timeout' }
   */
  mount('get', '/codex/threads', async (ctx) => {
    const query = { limit: DEFAULT_THREADS, ...listQuery(ctx) }
    answerText(ctx, 200, await bus.command(Registry.listThreads, query))
  })

  /**
   * @openapi
   * /codex/threads/loaded:
   *   get:
   *     tags: [codex]
   *     summary: Threads that the bridge's app-servers have loaded
   *     responses:
   *       200: { description: Loaded threads, content: { application/json: { schema: { $ref: '#/components/schemas/LoadedThreads' } } } }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('get', '/codex/threads/loaded', async (ctx) => answerText(ctx, 200, await bus.command(Registry.loadedThreads, {})))

  /**
   * @openapi
   * /codex/threads/start:
   *   post:
   *     tags: [codex]
   *     summary: Start a thread
   *     description: It gets a name, because Codex stores no thread without a name or a first message, and is given back at once.
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       content:
   *         application/json:
   *           schema: { $ref: '#/components/schemas/ThreadStart' }
   *           example: { model: gpt-5.5, cwd: /home/me/project, name: Review }
   *     responses:
   *       201: { description: The result of thread/start, content: { application/json: { schema: { $ref: '#/components/schemas/CodexResult' } } } }
   *       202: { $ref: '#/components/responses/Unknown' }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       413: { $ref: '#/components/responses/TooLarge' }
   *       415: { $ref: '#/components/responses/MediaType' }
   *       422: { $ref: '#/components/responses/KeyReused' }
   *       502: { $ref: '#/components/responses/Codex' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   *       504: { $ref: '#/components/responses/Timeout' }
   */
  mount('post', '/codex/threads/start', (ctx) => {
    const params = checkStart(ctx.state.json)
    return answerCommand(ctx, { status: 201 }, (commandId) => bus.command(Registry.rpc, { commandId, method: 'thread/start', params }))
  })

  /**
   * @openapi
   * /codex/threads/{threadId}:
   *   parameters:
   *     - $ref: '#/components/parameters/ThreadId'
   *   get:
   *     tags: [codex]
   *     summary: Read a thread
   *     x-query: ThreadReadQuery
   *     responses:
   *       200: { description: The thread, content: { application/json: { schema: { $ref: '#/components/schemas/Thread' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       502: { $ref: '#/components/responses/Codex' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   *       504: { $ref: '#/components/responses/Timeout' }
   */
  mount('get', '/codex/threads/:threadId', async (ctx) => {
    const query = { includeTurns: false, ...readQuery(ctx), threadId: threadIdOf(ctx) }
    answerText(ctx, 200, await bus.command(Registry.getThread, query))
  })

  const act =
    (action: 'fork' | 'archive' | 'unarchive' | 'compact/start'): RouteHandler =>
    (ctx) => {
      const threadId = threadIdOf(ctx)
      const request = { method: `thread/${action}`, params: { ...checkAction(ctx.state.json), threadId } }
      return answerCommand(ctx, { status: 200 }, (commandId) => bus.command(Registry.rpc, { commandId, ...request }))
    }

  /**
   * @openapi
   * /codex/threads/{threadId}/fork:
   *   parameters:
   *     - $ref: '#/components/parameters/ThreadId'
   *   post:
   *     tags: [codex]
   *     summary: Copy a thread into a new one
   *     description: Works also while another process writes the thread. `lastTurnId` or `beforeTurnId` in the body cut the copy.
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       content: { application/json: { schema: { $ref: '#/components/schemas/ThreadAction' } } }
   *     x-responses: CodexAction
   */
  mount('post', '/codex/threads/:threadId/fork', act('fork'))

  /**
   * @openapi
   * /codex/threads/{threadId}/archive:
   *   parameters:
   *     - $ref: '#/components/parameters/ThreadId'
   *   post:
   *     tags: [codex]
   *     summary: Archive a thread
   *     description: Interrupts its turn. Sub-agents of the thread are archived with it.
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       content: { application/json: { schema: { $ref: '#/components/schemas/ThreadAction' } } }
   *     x-responses: CodexAction
   */
  mount('post', '/codex/threads/:threadId/archive', act('archive'))

  /**
   * @openapi
   * /codex/threads/{threadId}/unarchive:
   *   parameters:
   *     - $ref: '#/components/parameters/ThreadId'
   *   post:
   *     tags: [codex]
   *     summary: Bring an archived thread back
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       content: { application/json: { schema: { $ref: '#/components/schemas/ThreadAction' } } }
   *     x-responses: CodexAction
   */
  mount('post', '/codex/threads/:threadId/unarchive', act('unarchive'))

  /**
   * @openapi
   * /codex/threads/{threadId}/compact/start:
   *   parameters:
   *     - $ref: '#/components/parameters/ThreadId'
   *   post:
   *     tags: [codex]
   *     summary: Compact a thread
   *     description: Answers at once; the compaction is a turn of its own.
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       content: { application/json: { schema: { $ref: '#/components/schemas/ThreadAction' } } }
   *     x-responses: CodexAction
   */
  mount('post', '/codex/threads/:threadId/compact/start', act('compact/start'))

  /**
   * @openapi
   * /codex/threads/{threadId}/compact:
   *   parameters:
   *     - $ref: '#/components/parameters/ThreadId'
   *   post:
   *     tags: [codex]
   *     summary: Another name for compact/start
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       content: { application/json: { schema: { $ref: '#/components/schemas/ThreadAction' } } }
   *     x-responses: CodexAction
   */
  mount('post', '/codex/threads/:threadId/compact', act('compact/start'))

  /**
   * @openapi
   * /codex/threads/{threadId}/rollback:
   *   parameters:
   *     - $ref: '#/components/parameters/ThreadId'
   *   post:
   *     tags: [codex]
   *     summary: Drop the last turns of a thread
   *     description: |
   *       Through thread/revert, which has replaced thread/rollback in Codex, or through thread/rollback where the binary has that.
   *       Fewer turns than asked for means all of them; `droppedTurns` says how many it were. A thread that an older Codex made
   *       cannot be reverted: the answer of a newer one offers the fork.
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       content: { application/json: { schema: { $ref: '#/components/schemas/ThreadRollback' } } }
   *     x-responses: CodexAction
   */
  mount('post', '/codex/threads/:threadId/rollback', (ctx) => {
    const threadId = threadIdOf(ctx)
    const { numTurns = 1 } = checkRollback(ctx.state.json)
    return answerCommand(ctx, { status: 200 }, (commandId) => bus.command(Registry.rollbackThread, { commandId, threadId, numTurns }))
  })

  const turn =
    (action: 'start' | 'steer' | 'interrupt'): RouteHandler =>
    (ctx) => {
      const threadId = threadIdOf(ctx)
      const body: Record<string, unknown> = checkTurn[action](ctx.state.json)
      const isOwn = ([name]: [string, unknown]): boolean => OWN_FIELDS[action].includes(name)
      const own = Object.fromEntries(Object.entries(body).filter(isOwn))
      const options = Object.fromEntries(Object.entries(body).filter((entry) => !isOwn(entry)))
      const request = { ...own, action, options, threadId }
      return answerCommand(ctx, { status: 202 }, (commandId) => bus.command(Registry.turnOnThread, { commandId, ...request }))
    }

  /**
   * @openapi
   * /codex/threads/{threadId}/turns/start:
   *   parameters:
   *     - $ref: '#/components/parameters/ThreadId'
   *   post:
   *     tags: [codex]
   *     summary: Start a turn
   *     description: |
   *       Through the session of the lane that holds the thread, where one does; else in a process of its own that declines every
   *       request for approval and gives the thread back when the turn is over. While a turn runs: 409 `turn_active`, unless
   *       `expectedTurnId` names it.
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       required: true
   *       content: { application/json: { schema: { $ref: '#/components/schemas/TurnStart' } } }
   *     x-responses: ThreadTurn
   */
  mount('post', '/codex/threads/:threadId/turns/start', turn('start'))

  /**
   * @openapi
   * /codex/threads/{threadId}/turns/steer:
   *   parameters:
   *     - $ref: '#/components/parameters/ThreadId'
   *   post:
   *     tags: [codex]
   *     summary: Add input to the running turn
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       required: true
   *       content: { application/json: { schema: { $ref: '#/components/schemas/TurnSteer' } } }
   *     x-responses: ThreadTurn
   */
  mount('post', '/codex/threads/:threadId/turns/steer', turn('steer'))

  /**
   * @openapi
   * /codex/threads/{threadId}/turns/interrupt:
   *   parameters:
   *     - $ref: '#/components/parameters/ThreadId'
   *   post:
   *     tags: [codex]
   *     summary: Interrupt the running turn
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       content: { application/json: { schema: { $ref: '#/components/schemas/TurnInterrupt' } } }
   *     x-responses: ThreadTurn
   */
  mount('post', '/codex/threads/:threadId/turns/interrupt', turn('interrupt'))
}
