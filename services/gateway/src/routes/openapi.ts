import { BridgeError } from '@codex-bridge/contracts'
import { buildOpenApiDocument } from '../api-docs/openapi-document.ts'
import { type Page, readAsset, renderSwaggerPage } from '../api-docs/swagger-page.ts'
import type { Mount } from './gateway-router.ts'

const ASSET_SECONDS = 86_400

/** The description of this API, for machines and for people. */
export const openapiRoutes = (mount: Mount): void => {
  const document = JSON.stringify(buildOpenApiDocument())
  let page: Promise<Page> | undefined

  /**
   * @openapi
   * /openapi:
   *   get:
   *     tags: [docs]
   *     summary: This description as a page
   *     responses:
   *       200: { description: Swagger UI, content: { text/html: { schema: { type: string } } } }
   */
  mount('get', '/openapi', async (ctx) => {
    page ??= renderSwaggerPage('/openapi/json', '/openapi/assets')
    const { html, policy } = await page
    ctx.set('Content-Security-Policy', policy)
    ctx.type = 'text/html; charset=utf-8'
    ctx.body = html
  })

  /**
   * @openapi
   * /openapi/json:
   *   get:
   *     tags: [docs]
   *     summary: This description as an OpenAPI document
   *     responses:
   *       200: { description: OpenAPI 3.1, content: { application/json: { schema: { type: object } } } }
   */
  mount('get', '/openapi/json', (ctx) => {
    ctx.type = 'application/json'
    ctx.body = document
  })

  /**
   * @openapi
   * /openapi/assets/{name}:
   *   get:
   *     tags: [docs]
   *     summary: Files of the page
   *     parameters:
   *       - { name: name, in: path, required: true, schema: { type: string } }
   *     responses:
   *       200: { description: The file }
   *       404: { $ref: '#/components/responses/NotFound' }
   */
  mount('get', '/openapi/assets/:name', async (ctx) => {
    const asset = await readAsset(ctx.params['name'] ?? '')
    if (!asset) throw new BridgeError('route_not_found')
    ctx.set('Cache-Control', `public, max-age=${ASSET_SECONDS}`)
    ctx.type = asset.type
    ctx.body = asset.bytes
  })
}
