import { BridgeError } from '@codex-bridge/contracts'
import { Type } from 'typebox'
import { buildAsyncApiDocument } from '../api-docs/asyncapi-document.ts'
import { buildOpenApiDocument } from '../api-docs/openapi-document.ts'
import { readAsset, swaggerPage } from '../api-docs/swagger-page.ts'
import { sendText } from '../http/command-route.ts'
import { type Route, route } from '../http/route.ts'

/** How long browsers may cache the files of the page, in seconds. */
const ASSET_MAX_AGE = 86_400

/** Descriptions of the API and of the bus. @param documented the other routes of the API */
export const docsRoutes = (documented: readonly Route[]): readonly Route[] => {
  const asyncApi = JSON.stringify(buildAsyncApiDocument())
  const page = swaggerPage('/openapi/json', '/openapi/assets')
  const routes: readonly Route[] = [
    /**
     * @openapi
     * /openapi:
     *   get:
     *     tags: [docs]
     *     summary: Browse the API
     *     description: The OpenAPI document in Swagger UI.
     */
    route({
      method: 'get',
      path: '/openapi',
      replies: { 200: { contentType: 'text/html', schema: Type.String(), description: 'Swagger UI.' } },
      handle: (_input, ctx) => page(ctx),
    }),

    /**
     * @openapi
     * /openapi/json:
     *   get:
     *     tags: [docs]
     *     summary: Get the OpenAPI document
     *     description: This document, as JSON.
     */
    route({
      method: 'get',
      path: '/openapi/json',
      replies: { 200: { schema: Type.Object({}, { additionalProperties: true }), description: 'An OpenAPI 3.1 document.' } },
      handle: (_input, ctx) => sendText(ctx, 200, openApi),
    }),

    /**
     * @openapi
     * /openapi/assets/{name}:
     *   get:
     *     tags: [docs]
     *     summary: Get a file of Swagger UI
     *     description: The scripts, styles and images that the page loads.
     */
    route({
      method: 'get',
      path: '/openapi/assets/{name}',
      replies: { 200: { contentType: '*/*', description: 'The file.' } },
      handle: async ({ path: { name } }, ctx) => {
        const asset = await readAsset(name)
        if (!asset) throw new BridgeError('route_not_found')
        ctx.set('Cache-Control', `public, max-age=${ASSET_MAX_AGE}`)
        ctx.type = asset.type
        ctx.body = asset.bytes
      },
    }),

    /**
     * @openapi
     * /asyncapi.json:
     *   get:
     *     tags: [docs]
     *     summary: Get the AsyncAPI document
     *     description: Describes the subjects and messages on NATS, as JSON.
     */
    route({
      method: 'get',
      path: '/asyncapi.json',
      replies: { 200: { schema: Type.Object({}, { additionalProperties: true }), description: 'An AsyncAPI 3.0 document.' } },
      handle: (_input, ctx) => sendText(ctx, 200, asyncApi),
    }),
  ]
  const openApi = JSON.stringify(buildOpenApiDocument([...documented, ...routes]))
  return routes
}
