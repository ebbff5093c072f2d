import {
  CodexResult,
  Registry,
  ThreadAction,
  ThreadRollback,
  ThreadStart,
  TurnInterrupt,
  TurnStart,
  TurnSteer,
} from '@codex-bridge/contracts'
import { type Static, type TObject, Type } from 'typebox'
import { command, read } from '../bus/bus-routes.ts'
import { CODEX_ERRORS } from '../http/error-codes.ts'
import { Cursor, sourceKinds } from '../http/query-parameters.ts'
import type { Route } from '../http/route.ts'

/** Codes of requests on one thread. */
const THREAD_ERRORS = ['thread_not_found', 'readiness_blocked', 'conflict', 'fenced', ...CODEX_ERRORS] as const
const TURN_ERRORS = ['turn_active', 'no_active_turn', 'turn_mismatch', 'session_not_running', ...THREAD_ERRORS] as const

/** Declares a route that calls `thread/…` of the app-server with the body as its parameters. */
const threadAction = <P extends `/codex/threads/{threadId}/${string}`>(path: P, method: string): Route =>
  command<P, typeof Registry.rpc, typeof ThreadAction>({
    path,
    body: ThreadAction,
    status: 200,
    verb: Registry.rpc,
    reply: CodexResult,
    errors: [...THREAD_ERRORS, 'turn_active'],
    request: ({ path, body, commandId }) => ({ commandId, method, params: { ...body, ...path } }),
  })

/** Splits a body into the fields that the bridge reads and the options for Codex. The thread is the one in the path. */
const withOptions = <T extends TObject>({ properties }: T, body: Static<T>) => {
  const fields = Object.entries(body as Record<string, unknown>).filter(([name]) => name !== 'threadId')
  const own = Object.fromEntries(fields.filter(([name]) => name in properties))
  const options = Object.fromEntries(fields.filter(([name]) => !(name in properties)))
  return { ...(own as Static<T>), options }
}

/** Threads of Codex and the turns in them, attached to a lane or not. */
export const threadRoutes: readonly Route[] = [
  /**
   * @openapi
   * /codex/threads:
   *   get:
   *     tags: [codex]
   *     summary: List threads
   *     description: Newest first. Codex does not list a thread that has no first message yet.
   */
  read({
    path: '/codex/threads',
    query: Type.Object({
      limit: Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'Maximum number of threads' }),
      cursor: Type.Optional(Cursor),
      sourceKinds: Type.Optional(sourceKinds('the interactive kinds, `cli` and `vscode`')),
    }),
    verb: Registry.listThreads,
    asksCodex: true,
    errors: ['invalid_cursor'],
    request: ({ query }) => query,
  }),

  /**
   * @openapi
   * /codex/threads/loaded:
   *   get:
   *     tags: [codex]
   *     summary: List loaded threads
   *     description: The threads that the app-servers of the bridge have loaded.
   */
  read({ path: '/codex/threads/loaded', verb: Registry.loadedThreads, asksCodex: true, request: () => ({}) }),

  /**
   * @openapi
   * /codex/threads/start:
   *   post:
   *     tags: [codex]
   *     summary: Start a thread
   *     description: |
   *       The result of `thread/start`. The thread gets a name, because Codex stores only threads with a name or a first message,
   *       and is released at once.
   */
  command({
    path: '/codex/threads/start',
    body: ThreadStart,
    example: { model: 'gpt-5.5', cwd: '/home/me/project', name: 'Review' },
    status: 201,
    verb: Registry.rpc,
    reply: CodexResult,
    errors: ['readiness_blocked', 'conflict', ...CODEX_ERRORS],
    request: ({ body, commandId }) => ({ commandId, method: 'thread/start', params: body }),
  }),

  /**
   * @openapi
   * /codex/threads/{threadId}:
   *   get:
   *     tags: [codex]
   *     summary: Read a thread
   *     description: The thread as Codex describes it, with its surface, its lanes and its sub-agents.
   */
  read({
    path: '/codex/threads/{threadId}',
    query: Type.Object({ includeTurns: Type.Boolean({ default: false, description: 'Include every turn and its items' }) }),
    verb: Registry.getThread,
    asksCodex: true,
    errors: ['thread_not_found', 'readiness_blocked', 'conflict', 'fenced'],
    request: ({ path, query }) => ({ ...path, ...query }),
  }),

  /**
   * @openapi
   * /codex/threads/{threadId}/fork:
   *   post:
   *     tags: [codex]
   *     summary: Fork a thread
   *     description: |
   *       Copies the thread into a new one, even while another process writes to it. `lastTurnId` or `beforeTurnId` in the body
   *       limit the copy.
   */
  threadAction('/codex/threads/{threadId}/fork', 'thread/fork'),

  /**
   * @openapi
   * /codex/threads/{threadId}/archive:
   *   post:
   *     tags: [codex]
   *     summary: Archive a thread
   *     description: Interrupts a running turn. The sub-agents of the thread are archived with it.
   */
  threadAction('/codex/threads/{threadId}/archive', 'thread/archive'),

  /**
   * @openapi
   * /codex/threads/{threadId}/unarchive:
   *   post:
   *     tags: [codex]
   *     summary: Unarchive a thread
   *     description: Makes an archived thread available again.
   */
  threadAction('/codex/threads/{threadId}/unarchive', 'thread/unarchive'),

  /**
   * @openapi
   * /codex/threads/{threadId}/compact/start:
   *   post:
   *     tags: [codex]
   *     summary: Compact a thread
   *     description: Responds at once; the compaction runs as a separate turn.
   */
  threadAction('/codex/threads/{threadId}/compact/start', 'thread/compact/start'),

  /**
   * @openapi
   * /codex/threads/{threadId}/compact:
   *   post:
   *     tags: [codex]
   *     summary: Compact a thread (short form)
   *     description: The same as `compact/start`.
   */
  threadAction('/codex/threads/{threadId}/compact', 'thread/compact/start'),

  /**
   * @openapi
   * /codex/threads/{threadId}/rollback:
   *   post:
   *     tags: [codex]
   *     summary: Drop the last turns of a thread
   *     description: |
   *       Uses `thread/revert`, or `thread/rollback` of an older Codex. If the thread has fewer turns, all of them are dropped;
   *       `droppedTurns` gives the number. A newer Codex cannot revert a thread that an older one created: the error suggests a fork.
   */
  command({
    path: '/codex/threads/{threadId}/rollback',
    body: ThreadRollback,
    status: 200,
    verb: Registry.rollbackThread,
    errors: [...THREAD_ERRORS, 'turn_active'],
    request: ({ path, body: { numTurns = 1 }, commandId }) => ({ ...path, commandId, numTurns }),
  }),

  /**
   * @openapi
   * /codex/threads/{threadId}/turns/start:
   *   post:
   *     tags: [codex]
   *     summary: Start a turn
   *     description: |
   *       Runs in the session of the lane that holds the thread. Without one, it runs in a separate process that declines every
   *       approval request and releases the thread when the turn ends. While a turn is running, the response is 409 `turn_active`,
   *       unless `expectedTurnId` names that turn.
   */
  command({
    path: '/codex/threads/{threadId}/turns/start',
    body: TurnStart,
    status: 202,
    verb: Registry.turnOnThread,
    errors: TURN_ERRORS,
    request: ({ path, body, commandId }) => ({ ...path, commandId, action: 'start' as const, ...withOptions(TurnStart, body) }),
  }),

  /**
   * @openapi
   * /codex/threads/{threadId}/turns/steer:
   *   post:
   *     tags: [codex]
   *     summary: Add input to the running turn
   *     description: The turn must have been started by this bridge.
   */
  command({
    path: '/codex/threads/{threadId}/turns/steer',
    body: TurnSteer,
    status: 202,
    verb: Registry.turnOnThread,
    errors: TURN_ERRORS,
    request: ({ path, body, commandId }) => ({ ...path, commandId, action: 'steer' as const, ...withOptions(TurnSteer, body) }),
  }),

  /**
   * @openapi
   * /codex/threads/{threadId}/turns/interrupt:
   *   post:
   *     tags: [codex]
   *     summary: Interrupt the running turn
   *     description: The turn must have been started by this bridge.
   */
  command({
    path: '/codex/threads/{threadId}/turns/interrupt',
    body: TurnInterrupt,
    status: 202,
    verb: Registry.turnOnThread,
    errors: TURN_ERRORS,
    request: ({ path, body, commandId }) => ({ ...path, commandId, action: 'interrupt' as const, ...withOptions(TurnInterrupt, body) }),
  }),
]
