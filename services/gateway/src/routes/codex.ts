import { CodexResult, laneFields, PreferredSurface, Registry, RpcBody, Surface, ThreadId } from '@codex-bridge/contracts'
import { Type } from 'typebox'
import { command, read } from '../bus/bus-routes.ts'
import { CODEX_ERRORS } from '../http/error-codes.ts'
import { Cursor, sourceKinds } from '../http/query-parameters.ts'
import type { Route } from '../http/route.ts'

const PageSize = Type.Integer({ minimum: 1, maximum: 100, description: 'Maximum number of entries' })

/** Codex itself: its methods, its lists and its activity. */
export const codexRoutes: readonly Route[] = [
  /**
   * @openapi
   * /codex/rpc:
   *   post:
   *     tags: [codex]
   *     summary: Call a method of the app-server
   *     description: |
   *       Returns the result unchanged. A call on a thread that a lane holds goes to the process of that lane; any other call goes
   *       to a process that ends afterwards. Methods that leave the sandbox or change the configuration or login are rejected with
   *       `rpc_method_forbidden`, unless the bridge was started with `BRIDGE_RPC_UNRESTRICTED=1`.
   */
  command({
    path: '/codex/rpc',
    body: RpcBody,
    example: { method: 'thread/list', params: {} },
    status: 200,
    verb: Registry.rpc,
    reply: CodexResult,
    errors: ['rpc_method_forbidden', 'thread_not_found', 'readiness_blocked', 'turn_active', 'conflict', 'fenced', ...CODEX_ERRORS],
    request: ({ body: { method, params = {} }, commandId }) => ({ commandId, method, params }),
  }),

  /**
   * @openapi
   * /codex/app/list:
   *   get:
   *     tags: [codex]
   *     summary: List the apps of the account
   *     description: The result of `app/list`, unchanged.
   */
  read({
    path: '/codex/app/list',
    query: Type.Object({
      limit: Type.Optional(PageSize),
      cursor: Type.Optional(Cursor),
      threadId: Type.Optional({ ...ThreadId, description: 'Evaluate features with the configuration of this thread' }),
      forceRefetch: Type.Optional(Type.Boolean({ description: 'Bypass every cache. Default false' })),
    }),
    verb: Registry.rpc,
    reply: CodexResult,
    asksCodex: true,
    request: ({ query }) => ({ method: 'app/list', params: query }),
  }),

  /**
   * @openapi
   * /codex/skills/list:
   *   get:
   *     tags: [codex]
   *     summary: List the skills that Codex finds
   *     description: The result of `skills/list`, unchanged.
   */
  read({
    path: '/codex/skills/list',
    query: Type.Object({
      cwds: Type.Optional(Type.Array(laneFields.repoRoot, { maxItems: 32, description: 'Directories, repeated or comma-separated' })),
      forceReload: Type.Optional(Type.Boolean({ description: 'Bypass the cache and read from disk. Default false' })),
    }),
    verb: Registry.rpc,
    reply: CodexResult,
    asksCodex: true,
    request: ({ query }) => ({ method: 'skills/list', params: query }),
  }),

  /**
   * @openapi
   * /codex/model/list:
   *   get:
   *     tags: [codex]
   *     summary: List the available models
   *     description: The result of `model/list`, unchanged.
   */
  read({
    path: '/codex/model/list',
    query: Type.Object({
      limit: Type.Optional(PageSize),
      cursor: Type.Optional(Cursor),
      includeHidden: Type.Optional(Type.Boolean({ description: 'Include models that are hidden from the picker. Default false' })),
      modelProvider: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: 'Only models of this provider' })),
    }),
    verb: Registry.rpc,
    reply: CodexResult,
    asksCodex: true,
    request: ({ query }) => ({ method: 'model/list', params: query }),
  }),

  /**
   * @openapi
   * /codex/active:
   *   get:
   *     tags: [codex]
   *     summary: List threads with recent activity
   *     description: |
   *       Includes threads driven by other programs. Filters narrow the list, preferences order it; each entry gives the reasons
   *       for its rank.
   */
  read({
    path: '/codex/active',
    query: Type.Object({
      windowSec: Type.Integer({ minimum: 1, maximum: 31_536_000, default: 3600, description: 'How far to look back, in seconds' }),
      source: Type.Optional(Type.String({ maxLength: 64, description: 'Only threads with this source, as Codex names it' })),
      sourceKinds: Type.Optional(sourceKinds('every kind')),
      surface: Type.Optional({ ...Surface, description: 'Only threads of this surface' }),
      originator: Type.Optional(Type.String({ maxLength: 128, description: 'Only threads of this originator, such as Codex Desktop' })),
      preferOriginator: Type.Optional(Type.String({ maxLength: 128, description: 'Rank threads of this originator first' })),
      preferredSurface: Type.Optional({ ...PreferredSurface, description: 'Rank threads of this surface first' }),
    }),
    verb: Registry.activeThreads,
    asksCodex: true,
    request: ({ query }) => query,
  }),

  /**
   * @openapi
   * /codex/running:
   *   get:
   *     tags: [codex]
   *     summary: List Codex processes and the threads they hold
   *     description: |
   *       Where the bridge cannot see processes, such as in a container, `mode` is `inferred` and the list contains threads with
   *       recent activity.
   */
  read({
    path: '/codex/running',
    query: Type.Object({
      windowSec: Type.Integer({
        minimum: 1,
        maximum: 86_400,
        default: 300,
        description: 'Where processes cannot be seen, threads active within this many seconds count as running',
      }),
    }),
    verb: Registry.runningCodex,
    asksCodex: true,
    request: ({ query }) => query,
  }),
]
