import { fileURLToPath } from 'node:url'
import { spawnProcess } from '@codex-bridge/testkit'
import { expect, it } from 'vitest'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))

it('an invalid configuration ends the process with 78 and a line for every problem', async () => {
  const approvals = await spawnProcess({
    command: process.execPath,
    args: [MAIN],
    env: { BRIDGE_INSTANCE: 'no spaces allowed', BRIDGE_LOG_LEVEL: 'loud', BRIDGE_APPROVAL_EXPIRY_SEC: '-1' },
  })
  expect(await approvals.exited).toEqual({ code: 78, signal: null })
  const lines = approvals.output().trim().split('\n')
  expect(lines.map((line) => /^configuration: ([A-Z_]+): ./.exec(line)?.[1]).sort()).toEqual([
    'BRIDGE_APPROVAL_EXPIRY_SEC',
    'BRIDGE_INSTANCE',
    'BRIDGE_LOG_LEVEL',
  ])
})
