import type { HealthProbe } from '../health/health-report.ts'
import { HealthReport } from '../health/health-schema.ts'
import { type Route, route } from '../http/route.ts'

export const healthRoutes = (probe: HealthProbe): readonly Route[] => [
  /**
   * @openapi
   * /health:
   *   get:
   *     tags: [health]
   *     summary: Check the health of the bridge
   *     description: |
   *       Covers the bridge, its services and Codex. 200 as long as the bridge works at all; `status` and `problems` tell what is
   *       wrong and how to fix it.
   */
  route({
    method: 'get',
    path: '/health',
    replies: { 200: { schema: HealthReport }, 503: { schema: HealthReport, description: 'NATS is not connected.' } },
    handle: async (_input, ctx) => {
      const report = await probe()
      ctx.status = report.status === 'down' ? 503 : 200
      ctx.body = report
    },
  }),
]
