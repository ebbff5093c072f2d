import { Approvals, DebugApproval, DebugComplete, ReconcileBody, Registry } from '@codex-bridge/contracts'
import { action, command } from '../bus/bus-routes.ts'
import type { Route } from '../http/route.ts'

/** Manual operations. Each produces the same events as the real case. */
export const debugRoutes: readonly Route[] = [
  /**
   * @openapi
   * /debug/request-approval:
   *   post:
   *     tags: [debug]
   *     summary: Request an approval without Codex
   *     description: The approval behaves like any other, except that no Codex request waits for the decision.
   */
  command({
    path: '/debug/request-approval',
    body: DebugApproval,
    example: { laneId: 'lane-id', source: 'runtime', reason: 'May I?' },
    status: 201,
    verb: Approvals.request,
    errors: ['lane_not_found', 'conflict'],
    request: ({ body, commandId }) => ({ commandId, body }),
  }),

  /**
   * @openapi
   * /debug/complete:
   *   post:
   *     tags: [debug]
   *     summary: Mark a lane as done
   *     description: Sets the status of the lane to `done` and publishes `lane.completed` with `debug` set.
   */
  command({
    path: '/debug/complete',
    body: DebugComplete,
    example: { laneId: 'lane-id', note: 'Checked by hand' },
    status: 200,
    verb: Registry.debugComplete,
    errors: ['lane_not_found', 'conflict'],
    request: ({ body, commandId }) => ({ commandId, body }),
  }),

  /**
   * @openapi
   * /debug/reconcile-stale:
   *   post:
   *     tags: [debug]
   *     summary: Reconcile lanes with reality now
   *     description: Checks every lane that appears live, clears stale statuses and recovers sessions whose runner is gone.
   */
  action({
    path: '/debug/reconcile-stale',
    body: ReconcileBody,
    example: { clearSyntheticRunningLanes: true, clearOrphanedActiveTurns: true },
    verb: Registry.debugReconcile,
    errors: ['conflict'],
    request: ({ body }) => ({ body }),
  }),
]
