import { Registry, StartVisible } from '@codex-bridge/contracts'
import { command } from '../bus/bus-routes.ts'
import { SESSION_ERRORS } from '../http/error-codes.ts'
import type { Route } from '../http/route.ts'
import { addressable } from './lanes.ts'

/** Several steps in one request. */
export const workflowRoutes: readonly Route[] = [
  /**
   * @openapi
   * /codex/workflows/start-visible:
   *   post:
   *     tags: [codex]
   *     summary: Create or take over a lane, start its session and prompt it
   *     description: With `threadId`, an existing thread is taken over; otherwise a new one is started.
   */
  command({
    path: '/codex/workflows/start-visible',
    body: StartVisible,
    status: 201,
    verb: Registry.startVisible,
    errors: [
      'lane_attached_elsewhere',
      'lane_exists',
      'thread_not_found',
      'turn_active',
      'turn_mismatch',
      'worktree_blocked',
      ...SESSION_ERRORS,
    ],
    request: ({ body, commandId }) => ({ commandId, body: addressable(body) }),
  }),
]
