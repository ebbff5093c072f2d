import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { freePort } from '@codex-bridge/platform'
import { expect, test } from 'vitest'
import { createTempDir } from './files/temp-dir.ts'
import { waitFor } from './wait-for.ts'

test('waitFor resolves with the first truthy value and treats errors as "not yet"', async () => {
  let calls = 0
  const value = await waitFor(
    () => {
      calls += 1
      if (calls < 3) throw new Error('too early')
      return { calls }
    },
    { intervalMs: 1 },
  )
  expect(value).toEqual({ calls: 3 })
})

test('waitFor reports what it waited for and what it saw last', async () => {
  await expect(waitFor(() => null, { timeoutMs: 30, describe: 'a lane' })).rejects.toThrow('waited 30 ms for a lane; last saw null')
  const failing = waitFor(() => Promise.reject(new Error('boom')), { timeoutMs: 30 })
  await expect(failing).rejects.toThrow('last saw an error: boom')
})

test('waitFor is not held up by a call that hangs', async () => {
  const hanging = waitFor(() => new Promise<boolean>(() => undefined), { timeoutMs: 50 })
  await expect(hanging).rejects.toThrow('a call that did not return')
})

test('freePort gives a port that can be bound', async () => {
  const port = await freePort()
  await new Promise<void>((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(port, '127.0.0.1', () => server.close(() => resolve()))
  })
})

test('a temp dir is new, and removed with its content', () => {
  const first = createTempDir()
  const second = createTempDir()
  expect(first.path).not.toBe(second.path)
  writeFileSync(join(first.path, 'file'), 'x')
  first.cleanup()
  first.cleanup()
  second.cleanup()
  expect(existsSync(first.path)).toBe(false)
})
