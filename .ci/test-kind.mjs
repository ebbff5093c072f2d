#!/usr/bin/env node
/** `npm run test:unit|test:int|test:e2e`: builds what is out of date and runs the tests of one kind, for all packages or for some. */
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const PROJECTS = { unit: 'unit', int: 'integration', e2e: 'e2e' }

const [kind, ...rest] = process.argv.slice(2)
const usage = `npm run test:${kind}                               all packages
npm run test:${kind} -- gateway lane-registry      these packages only
npm run test:${kind} -- gateway --only stream      only test files whose path contains "stream"
npx nx affected -t test:${kind}                    packages affected by what changed since main

unit: no servers, cached per package. int: one package with NATS, Redis and Codex. e2e: the whole bridge.
TEST_SEED=<number> repeats a run with random input; a failing test prints its seed.
`

const root = dirname(dirname(fileURLToPath(import.meta.url)))

const run = (command, args) => {
  const { status } = spawnSync(join(root, 'node_modules/.bin', command), args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

const { values, positionals: packages } = parseArgs({
  args: rest,
  allowPositionals: true,
  options: { help: { type: 'boolean' }, only: { type: 'string' } },
})
const only = values.only === undefined ? [] : [values.only]

if (values.help) {
  process.stdout.write(usage)
} else if (packages.length > 0) {
  run('nx', ['run-many', '-t', `test:${kind}`, '-p', packages.join(','), '--output-style=stream', ...only])
} else {
  // One run for all packages: starting the test runner a dozen times takes longer than the unit tests themselves.
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
  run('vitest', ['run', '--config', '.ci/vitest.config.mjs', '--project', PROJECTS[kind], ...only])
}
