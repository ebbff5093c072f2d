#!/usr/bin/env node
/**
 * Entry of `npm start`, `npm run demo|stop|smoke:e2e|bench`. It works in a fresh clone with only Node and npm: it brings packages and
 * build up to date, then runs the built entry of the mode.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const OLDEST_NODE = [20, 19]
const MODES = { '--demo': 'demo', '--stop': 'stop', '--smoke': 'smoke', '--bench': 'bench' }
/** Built entries; each exports `run(mode, root)`, which resolves with the exit code. */
const MAINS = {
  start: 'deploy/local/dist/local-main.js',
  smoke: 'deploy/smoke/dist/smoke-main.js',
  bench: 'deploy/bench/dist/bench-main.js',
}
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
  const main = join(root, MAINS[mode] ?? MAINS.start)
  // A running bridge can be stopped by an existing build, whatever the state of the sources.
  if (mode !== 'stop' || !existsSync(main)) await prepare()
  const { run: runMode } = await import(pathToFileURL(main).href)
  // Handles left open by a failed start must not keep this process alive.
  process.exit(await runMode(mode, root))
}

const prepare = async () => {
  const { prepareWorkspace } = await import('./bootstrap/workspace-build.mjs')
  await prepareWorkspace(root, say)
}

run().catch((error) => {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
})
