#!/usr/bin/env node
/**
 * Entry of `npm start`, `npm run demo|stop|smoke:e2e|bench`. It works in a fresh clone with only Node and npm: it brings packages and
 * build up to date, then hands over to what was built.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const OLDEST_NODE = [20, 19]
const MODES = { '--demo': 'demo', '--stop': 'stop', '--smoke': 'smoke', '--bench': 'bench' }
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const say = (line) => process.stderr.write(`${line}\n`)

const nodeIsTooOld = () => {
  const [major, minor] = process.versions.node.split('.').map(Number)
  return major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])
}

const modeOf = ([argument]) => {
  if (argument === undefined) return 'start'
  if (!MODES[argument]) throw new Error(`Unknown option ${argument}; known are ${Object.keys(MODES).join(', ')}`)
  return MODES[argument]
}

const run = async () => {
  if (nodeIsTooOld()) throw new Error(`Node ${OLDEST_NODE.join('.')} or newer is needed, this is ${process.versions.node}`)
  const mode = modeOf(process.argv.slice(2))
  const main = join(root, mode === 'bench' ? 'deploy/bench/dist/bench.main.js' : 'deploy/local/dist/local.main.js')
  // Whatever state the sources are in, a running bridge can be stopped with what it was started from.
  if (mode !== 'stop' || !existsSync(main)) await prepare()
  if (mode === 'bench') {
    if (!existsSync(main)) throw new Error('The benchmark is not built: deploy/bench has no bench.main')
    await import(pathToFileURL(main).href)
    return
  }
  const { runLocal } = await import(pathToFileURL(main).href)
  // Whatever a failed start may have left waiting in this process must not keep it.
  process.exit(await runLocal(mode, root))
}

const prepare = async () => {
  const { prepareWorkspace } = await import('./workspace.build.mjs')
  await prepareWorkspace(root, say)
}

run().catch((error) => {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
})
