/**
 * The baseline of HTTP: a process with Koa routes that answer given texts. Environment: BENCH_BODY, the text of `/lanes/{laneId}`;
 * BENCH_ANSWERS, a folder whose files are the texts of `/same/{file}`, if any. Prints `{"port":…}` when it listens, ends with its stdin.
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import Router from '@koa/router'
import Koa from 'koa'

const body = process.env['BENCH_BODY'] ?? '{}'
const folder = process.env['BENCH_ANSWERS']
const texts = new Map(folder ? readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]) : [])

const router = new Router()
router.get('/lanes/:laneId', (ctx) => {
  ctx.type = 'application/json'
  ctx.body = body
})
router.get('/same/:name', (ctx) => {
  // Not all of the texts are JSON.
  ctx.type = 'text/plain'
  ctx.body = texts.get(ctx.params['name'] ?? '') ?? ''
})

const server = new Koa().use(router.routes()).listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`)
})

const end = (): void => process.exit(0)
process.stdin.on('end', end).on('error', end).resume()
