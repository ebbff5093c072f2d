/**
 * The baseline of HTTP: a process with one Koa route that answers a given text. Environment: BENCH_BODY, the text. Prints `{"port":…}` when
 * it listens, ends with its stdin.
 */
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import Koa from 'koa'

const body = process.env['BENCH_BODY'] ?? '{}'
const router = new Router()
router.get('/lanes/:laneId', (ctx) => {
  ctx.type = 'application/json'
  ctx.body = body
})

const server = new Koa().use(router.routes()).listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`)
})

const end = (): void => process.exit(0)
process.stdin.on('end', end).on('error', end).resume()
