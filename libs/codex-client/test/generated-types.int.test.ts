import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { readCodexVersion, resolveCodexBinary } from '../src/binary/binary-resolver.ts'
import { CODEX_PROTOCOL_VERSION } from '../src/generated/version.ts'

it('src/generated is what the pinned binary generates', async () => {
  const script = fileURLToPath(new URL('../generate-types.mjs', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--check'])
  expect(stdout).toMatch(/match the pinned codex binary/)
})

it('carries the version of the pinned binary', async () => {
  await expect(readCodexVersion(resolveCodexBinary({ env: {} }).path)).resolves.toBe(CODEX_PROTOCOL_VERSION)
})
