import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { koaSwagger } from 'koa2-swagger-ui'
import type { GatewayContext } from '../http/gateway-context.ts'

/** Files that the page loads, by the name in its template, and the file of swagger-ui-dist that is served. */
const ASSETS: Record<string, { file: string; type: string }> = {
  'swagger-ui.min.css': { file: 'swagger-ui.css', type: 'text/css' },
  'swagger-ui-bundle.js': { file: 'swagger-ui-bundle.js', type: 'text/javascript' },
  'swagger-ui-standalone-preset.js': { file: 'swagger-ui-standalone-preset.js', type: 'text/javascript' },
  'favicon-32x32.png': { file: 'favicon-32x32.png', type: 'image/png' },
}

const directory = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))

/** Reads a file of the page; undefined for any other name. */
export const readAsset = async (name: string): Promise<{ bytes: Buffer; type: string } | undefined> => {
  const asset = Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined
  return asset && { bytes: await readFile(join(directory, asset.file)), type: asset.type }
}

/** The template links to web fonts. */
const FOREIGN_LINK = /<link[^>]+href="https?:\/\/[^>]*>/g
const INLINE_SCRIPT = /<script>([\s\S]*?)<\/script>/g

/**
 * Compiles the Swagger UI page. It loads nothing from other hosts, and its policy allows only its own scripts.
 * @param assetsUrl path below which readAsset is served, in two parts: the template joins a base URL and a version
 */
export const swaggerPage = (documentUrl: string, assetsUrl: `/${string}/${string}`): ((ctx: GatewayContext) => Promise<void>) => {
  const [swaggerVersion = '', ...base] = assetsUrl.split('/').reverse()
  const render = koaSwagger({
    title: 'codex-bridge API',
    routePrefix: false,
    swaggerCdnUrl: base.reverse().join('/'),
    swaggerVersion,
    favicon: `${assetsUrl}/favicon-32x32.png`,
    hideTopbar: true,
    swaggerOptions: { dom_id: '#swagger-ui', url: documentUrl, layout: 'StandaloneLayout', validatorUrl: null },
  })
  return async (ctx) => {
    await render(ctx, async () => undefined)
    const html = String(ctx.body).replace(FOREIGN_LINK, '')
    ctx.body = html
    ctx.set('Content-Security-Policy', policyOf(html))
  }
}

/** A content security policy that allows the inline scripts of a page by their hash, and files of this host. */
const policyOf = (html: string): string => {
  const hashes = [...html.matchAll(INLINE_SCRIPT)].map(([, code = '']) => `'sha256-${createHash('sha256').update(code).digest('base64')}'`)
  return [
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
}
