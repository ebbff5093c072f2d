import { randomInt } from 'node:crypto'
import { defineConfig } from 'vitest/config'

/** Integration tests start real servers; more files at once than cores only makes them wait for each other. */
const WORKERS = 2

/** Of random input. TEST_SEED repeats an earlier run. */
const seed = process.env.TEST_SEED ?? String(randomInt(2 ** 31))

const projects = [
  // Beside the sources, without servers: the files of one worker share what they import.
  { name: 'unit', include: ['**/src/**/*.test.ts'], pool: 'threads', isolate: false, testTimeout: 20_000 },
  // One package and the real servers it speaks to.
  { name: 'integration', include: ['**/test/**/*.int.test.ts'], testTimeout: 60_000, hookTimeout: 90_000 },
  // The whole product, started as a user starts it.
  { name: 'e2e', include: ['**/test/**/*.e2e.test.ts'], testTimeout: 60_000, hookTimeout: 90_000 },
  // The contract against several processes of each service, while one after the other is killed.
  {
    name: 'replicas',
    include: ['**/test/contract/*.e2e.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 120_000,
    provide: { replicas: { gateway: 2, 'lane-registry': 3, 'session-runner': 2, approvals: 2, 'webhook-dispatcher': 2 } },
  },
]

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    // Tests below the working directory: all from the root, a package's own from its folder.
    dir: process.cwd(),
    pool: 'forks',
    maxWorkers: WORKERS,
    env: { TEST_SEED: seed },
    setupFiles: [new URL('vitest.setup.mjs', import.meta.url).pathname],
    passWithNoTests: true,
    projects: projects.map((test) => ({ extends: true, test: { exclude: ['**/node_modules/**', '**/dist/**'], ...test } })),
  },
})
