import {
  AttachLane,
  BridgeError,
  CleanupBody,
  EventPattern,
  LANE_STATUSES,
  LaneCreate,
  LaneFilter,
  LaneStatus,
  Registry,
} from '@codex-bridge/contracts'
import { Type } from 'typebox'
import { command, read } from '../bus/bus-routes.ts'
import { CODEX_ERRORS } from '../http/error-codes.ts'
import { Cursor, MinSeq } from '../http/query-parameters.ts'
import type { Route } from '../http/route.ts'

/** Lane ids that would collide with a path of the API. */
export const RESERVED_IDS: readonly string[] = ['sessions', 'attach', 'cleanup']

/** Returns a body whose lane id can be used in a path. @throws BridgeError `validation_error` */
export const addressable = <B extends { laneId?: string }>(body: B): B => {
  const { laneId } = body
  if (laneId === undefined || !RESERVED_IDS.includes(laneId)) return body
  throw new BridgeError('validation_error', undefined, {
    details: [{ path: '/laneId', message: `"${laneId}" is a path of the API and cannot name a lane` }],
  })
}

/** Lanes and their events. */
export const laneRoutes: readonly Route[] = [
  /**
   * @openapi
   * /lanes:
   *   post:
   *     tags: [lanes]
   *     summary: Create a lane
   *     description: |
   *       With `worktree: true`, a git worktree of `repoRoot` is created for the lane first. If that is impossible, the response is
   *       409 `worktree_blocked`.
   */
  command({
    path: '/lanes',
    body: LaneCreate,
    status: 201,
    verb: Registry.createLane,
    errors: ['lane_exists', 'lane_attached_elsewhere', 'worktree_blocked', 'conflict', 'no_runner'],
    request: ({ body, commandId }) => ({ commandId, body: addressable(body) }),
  }),

  /**
   * @openapi
   * /lanes:
   *   get:
   *     tags: [lanes]
   *     summary: List lanes
   *     description: Newest first. Pages stay stable while lanes change. Filters are combined with AND.
   */
  read({
    path: '/lanes',
    query: Type.Object({
      limit: Type.Integer({ minimum: 1, maximum: 200, default: 100, description: 'Maximum number of lanes' }),
      cursor: Type.Optional(Cursor),
      status: Type.Optional(
        Type.Array(LaneStatus, { maxItems: LANE_STATUSES.length, description: 'Any of these. Repeated or comma-separated' }),
      ),
      projectId: LaneFilter.properties.projectId,
      threadId: LaneFilter.properties.threadId,
      q: Type.Optional(
        Type.String({ maxLength: 256, description: 'Substring of the lane id, title, repository path or project, ignoring case' }),
      ),
      updatedSince: LaneFilter.properties.updatedSince,
      minSeq: Type.Optional(MinSeq),
    }),
    verb: Registry.listLanes,
    errors: ['invalid_cursor'],
    request: ({ query: { limit, cursor, minSeq, status, ...rest } }) => {
      const filter = { ...(status && { statuses: status }), ...rest }
      return {
        limit,
        ...(cursor && { cursor }),
        ...(minSeq !== undefined && { minSeq }),
        ...(Object.keys(filter).length > 0 && { filter }),
      }
    },
  }),

  /**
   * @openapi
   * /lanes/attach:
   *   post:
   *     tags: [lanes]
   *     summary: Create a lane for an existing thread
   *     description: |
   *       Runs nothing and takes no lock: the session starts on request or with the first prompt. A `strict` lane then rejects a
   *       thread that cannot be resumed in its current state; a `lenient` one waits for it.
   */
  command({
    path: '/lanes/attach',
    body: AttachLane,
    example: {
      laneId: 'lane-takeover',
      threadId: '019a1b2c-0000-7000-8000-000000000000',
      preferredSurface: 'any',
      readinessMode: 'strict',
    },
    status: 201,
    verb: Registry.attach,
    errors: ['lane_exists', 'lane_attached_elsewhere', 'thread_not_found', 'readiness_blocked', 'conflict', ...CODEX_ERRORS],
    request: ({ body, commandId }) => ({ commandId, body: addressable(body) }),
  }),

  /**
   * @openapi
   * /lanes/cleanup:
   *   post:
   *     tags: [lanes]
   *     summary: Delete lanes that are finished
   *     description: Only reports what it would delete unless `dryRun` is false. A lane with a running turn is kept.
   */
  command({
    path: '/lanes/cleanup',
    body: CleanupBody,
    example: { statuses: ['blocked', 'done', 'failed', 'interrupted'], olderThanHours: 24, syntheticOnly: false, limit: 100, dryRun: true },
    status: 200,
    verb: Registry.cleanup,
    errors: ['conflict'],
    request: ({ body, commandId }) => ({ commandId, body }),
  }),

  /**
   * @openapi
   * /lanes/{laneId}:
   *   get:
   *     tags: [lanes]
   *     summary: Read a lane
   *     description: The lane with its status, and what its session and approvals contribute to it.
   */
  read({
    path: '/lanes/{laneId}',
    query: Type.Object({ minSeq: Type.Optional(MinSeq) }),
    verb: Registry.getLane,
    errors: ['lane_not_found'],
    request: ({ path, query }) => ({ ...path, ...query }),
  }),

  /**
   * @openapi
   * /lanes/{laneId}:
   *   delete:
   *     tags: [lanes]
   *     summary: Delete a lane
   *     description: |
   *       Stops the session first. A worktree that the bridge created for the lane is removed if no work would be lost, otherwise
   *       kept; the `lane.deleted` event tells which, and why.
   */
  command({
    method: 'delete',
    path: '/lanes/{laneId}',
    status: 204,
    verb: Registry.deleteLane,
    errors: ['lane_not_found', 'conflict', 'fenced'],
    request: ({ path, commandId }) => ({ ...path, commandId }),
  }),

  /**
   * @openapi
   * /lanes/{laneId}/events:
   *   get:
   *     tags: [lanes]
   *     summary: List the events of a lane
   *     description: Oldest first. A page of large events may be shorter than `limit`. Pass `nextCursor` as `after` for the next page.
   */
  read({
    path: '/lanes/{laneId}/events',
    query: Type.Object({
      after: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0, description: 'Only events with a higher seq' }),
      limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Maximum number of events' }),
      types: Type.Optional(
        Type.Array(EventPattern, {
          maxItems: 50,
          description: 'Event types: exact, `lane.*` for a prefix, or `*`. Repeated or comma-separated',
        }),
      ),
    }),
    verb: Registry.laneEvents,
    errors: ['lane_not_found'],
    request: ({ path, query }) => ({ ...path, ...query }),
  }),

  /**
   * @openapi
   * /lanes/{laneId}/sync-from-codex:
   *   post:
   *     tags: [lanes]
   *     summary: Refresh a lane from its thread
   *     description: Reads the thread from Codex and updates what the lane says about it.
   */
  command({
    path: '/lanes/{laneId}/sync-from-codex',
    status: 200,
    verb: Registry.syncLane,
    errors: ['lane_not_found', 'thread_not_found', 'conflict', ...CODEX_ERRORS],
    request: ({ path, commandId }) => ({ ...path, commandId }),
  }),
]
