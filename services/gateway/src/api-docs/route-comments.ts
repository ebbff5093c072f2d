import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import swaggerJsdoc from 'swagger-jsdoc'

/** OpenAPI operations by path and method. */
export type Paths = Record<string, Record<string, Record<string, unknown>>>

/** Reads the `@openapi` comments of the routes, compiled or not. @throws Error for a comment that is not valid YAML */
export const readRouteComments = (): Paths => {
  // Relative patterns would be resolved against the working directory.
  const files = new URL(`../routes/*${extname(fileURLToPath(import.meta.url))}`, import.meta.url)
  const document = swaggerJsdoc({
    failOnErrors: true,
    apis: [fileURLToPath(files)],
    definition: { openapi: '3.1.0', info: { title: '', version: '' } },
  }) as { paths: Paths }
  return document.paths
}
