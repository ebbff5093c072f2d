import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { koaSwagger } from 'koa2-swagger-ui'

/** What the page loads, as its template names it, and the file of swagger-ui-dist behind it. */
const ASSETS: Record<string, { file: string; type: string }> = {
  'swagger-ui.min.css': { file: 'swagger-ui.css', type: 'text/css' },
  'swagger-ui-bundle.js': { file: 'swagger-ui-bundle.js', type: 'text/javascript' },
  'swagger-ui-standalone-preset.js': { file: 'swagger-ui-standalone-preset.js', type: 'text/javascript' },
  'favicon-32x32.png': { file: 'favicon-32x32.png', type: 'image/png' },
}

const directory = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))

/** A file of the page, undefined for any other name. */
export const readAsset = async (name: string): Promise<{ bytes: Buffer; type: string } | undefined> => {
  const asset = Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined
  return asset && { bytes: await readFile(join(directory, asset.file)), type: asset.type }
}

const FOREIGN_LINK = /<link[^>]+href="https?:\/\/[^>]*>/g
const INLINE_SCRIPT = /<script>([\s\S]*?)<\/script>/g

export type Page = { html: string; policy: string }

/** The Swagger UI page, with nothing on it from another host, and the policy under which only its own scripts run. */
export const renderSwaggerPage = async (documentUrl: string, assetsUrl: string): Promise<Page> => {
  const at = assetsUrl.lastIndexOf('/')
  const swagger = koaSwagger({
    title: 'codex-bridge API',
    routePrefix: false,
    swaggerCdnUrl: assetsUrl.slice(0, at),
    swaggerVersion: assetsUrl.slice(at + 1),
    favicon: `${assetsUrl}/favicon-32x32.png`,
    hideTopbar: true,
    swaggerOptions: { dom_id: '#swagger-ui', url: documentUrl, layout: 'StandaloneLayout', validatorUrl: null },
  })
  const rendered: { body?: unknown; type?: string; path: string } = { path: '/' }
  await swagger(rendered as never, async () => undefined)
  const html = String(rendered.body).replace(FOREIGN_LINK, '')
  const hashes = [...html.matchAll(INLINE_SCRIPT)].map(
    ([, code]) =>
      `'sha256-${createHash('sha256')
        .update(code ?? '')
        .digest('base64')}'`,
  )
  const policy = [
    "default-src 'none'",
    `script-src 'self' ${hashes.join(' ')}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  return { html, policy }
}
