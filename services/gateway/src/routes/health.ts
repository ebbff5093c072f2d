import type { HealthProbe } from '../health/health-report.ts'
import type { Mount } from './gateway-router.ts'

/** How the bridge and everything behind it are. */
export const healthRoutes = (mount: Mount, probe: HealthProbe): void => {
  /**
   * @openapi
   * /health:
   *   get:
   *     tags: [health]
   *     summary: How the bridge, its services and Codex are
   *     description: 200 while the bridge can work at all; `status` and `problems` say what is amiss and what to do about it.
   *     responses:
   *       200: { description: Up, content: { application/json: { schema: { $ref: '#/components/schemas/Health' } } } }
   *       503: { description: NATS is not connected, content: { application/json: { schema: { $ref: '#/components/schemas/Health' } } } }
   */
  mount('get', '/health', async (ctx) => {
    const report = await probe()
    ctx.status = report.status === 'down' ? 503 : 200
    ctx.body = report
  })
}
