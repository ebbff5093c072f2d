import { expect, it } from 'vitest'
import { findExecutable } from './executable.ts'
import { freePort, probePort } from './free-port.ts'
import { parentDeathPrefix } from './parent-death.ts'

it('finds a command by path or on PATH, and nothing that is no program', () => {
  const shell = findExecutable('sh')
  expect(shell).toMatch(/^\/.*\/sh$/)
  expect(findExecutable(shell ?? '')).toBe(shell)
  expect(findExecutable('sh', '')).toBeUndefined()
  expect(findExecutable('/bin')).toBeUndefined()
  expect(findExecutable('no-such-command')).toBeUndefined()
})

it('finds a free port and recognises a taken one', async () => {
  const port = await freePort()
  expect(await probePort(port)).toBe(port)
  const { createServer } = await import('node:net')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  expect(await probePort(port)).toBeUndefined()
  await new Promise((resolve) => server.close(resolve))
})

it('names the program that binds a child to its parent, or nothing', () => {
  const [command] = parentDeathPrefix()
  expect(command === undefined || command.endsWith('/setpriv')).toBe(true)
})
