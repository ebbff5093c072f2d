import { buildAsyncApiDocument } from '../api-docs/asyncapi-document.ts'
import type { Mount } from './gateway-router.ts'

/** The description of the bus, for those who subscribe to it themselves. */
export const asyncapiRoutes = (mount: Mount): void => {
  const document = JSON.stringify(buildAsyncApiDocument())

  /**
   * @openapi
   * /asyncapi.json:
   *   get:
   *     tags: [docs]
   *     summary: The subjects of the bus as an AsyncAPI document
   *     responses:
   *       200: { description: AsyncAPI 3.0, content: { application/json: { schema: { type: object } } } }
   */
  mount('get', '/asyncapi.json', (ctx) => {
    ctx.type = 'application/json'
    ctx.body = document
  })
}
