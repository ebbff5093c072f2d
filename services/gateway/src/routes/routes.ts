import type { HealthProbe } from '../health/health-report.ts'
import type { Route } from '../http/route.ts'
import type { StreamService } from '../sse/stream-service.ts'
import { approvalRoutes } from './approvals.ts'
import { codexRoutes } from './codex.ts'
import { debugRoutes } from './debug.ts'
import { docsRoutes } from './docs.ts'
import { eventRoutes } from './events.ts'
import { healthRoutes } from './health.ts'
import { laneRoutes } from './lanes.ts'
import { sessionRoutes } from './sessions.ts'
import { threadRoutes } from './threads.ts'
import { watchRoutes } from './watch.ts'
import { webhookRoutes } from './webhooks.ts'
import { workflowRoutes } from './workflows.ts'

/** Every route of the API. */
export const apiRoutes = (health: HealthProbe, streams: StreamService): readonly Route[] => {
  const routes = [
    ...healthRoutes(health),
    ...eventRoutes(streams),
    ...watchRoutes,
    ...webhookRoutes,
    ...codexRoutes,
    ...threadRoutes,
    ...workflowRoutes,
    ...laneRoutes,
    ...sessionRoutes,
    ...approvalRoutes,
    ...debugRoutes,
  ]
  return [...routes, ...docsRoutes(routes)]
}
