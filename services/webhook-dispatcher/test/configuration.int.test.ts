import { fileURLToPath } from 'node:url'
import { spawnProcess } from '@codex-bridge/testkit'
import { expect, it } from 'vitest'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))

it('an invalid configuration ends the process with 78 and a line for every problem', async () => {
  const dispatcher = await spawnProcess({
    command: process.execPath,
    args: [MAIN],
    env: {
      BRIDGE_INSTANCE: 'no spaces allowed',
      BRIDGE_WEBHOOK_KEY: 'short',
      BRIDGE_WEBHOOK_ALLOWED_NETWORKS: '10.0.0.0/8,nonsense',
      BRIDGE_WEBHOOK_TIMEOUT_MS: 'soon',
      BRIDGE_WEBHOOK_CONCURRENCY: '0',
      BRIDGE_WEBHOOK_RETRY_SCHEDULE_SEC: '0,,5',
    },
  })
  expect(await dispatcher.exited).toEqual({ code: 78, signal: null })
  const lines = dispatcher.output().trim().split('\n')
  expect(lines.map((line) => /^configuration: ([A-Z_]+): ./.exec(line)?.[1]).sort()).toEqual([
    'BRIDGE_INSTANCE',
    'BRIDGE_WEBHOOK_ALLOWED_NETWORKS',
    'BRIDGE_WEBHOOK_CONCURRENCY',
    'BRIDGE_WEBHOOK_KEY',
    'BRIDGE_WEBHOOK_RETRY_SCHEDULE_SEC',
    'BRIDGE_WEBHOOK_TIMEOUT_MS',
  ])
  expect(dispatcher.output()).toContain('"nonsense" is not an address block such as 10.0.0.0/8')
  expect(dispatcher.output()).not.toContain('short')
})
