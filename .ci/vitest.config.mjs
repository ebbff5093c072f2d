import { defineConfig } from 'vitest/config'

/** Integration tests start real servers; more files at once than cores only makes them wait for each other. */
const WORKERS = 2

const ignored = ['**/node_modules/**', '**/dist/**']

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    pool: 'forks',
    maxWorkers: WORKERS,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['{libs,services,deploy}/*/src/**/*.test.ts'], exclude: ignored, testTimeout: 20_000 },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['{libs,services,deploy}/*/test/**/*.int.test.ts'],
          exclude: ignored,
          testTimeout: 60_000,
          hookTimeout: 90_000,
        },
      },
    ],
  },
})
