import { existsSync } from 'node:fs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type RedisServer, startRedis } from '../src/servers/redis-server.ts'

const running: RedisServer[] = []

const start = async (options: Parameters<typeof startRedis>[0] = {}): Promise<RedisServer> => {
  const server = await startRedis({ exclusive: true, ...options })
  running.push(server)
  return server
}

beforeEach(() => {
  vi.stubEnv('BRIDGE_TEST_CONTAINERS', '')
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await Promise.all(running.splice(0).map((server) => server.stop()))
})

test.each(['SIGKILL', 'SIGTERM', undefined] as const)('restart after %s keeps port and data', async (signal) => {
  const server = await start()
  expect(server).toMatchObject({ via: 'binary', url: `redis://127.0.0.1:${server.port}` })
  expect(server.version).toMatch(/^\d+\./)
  expect(await server.command('SET', 'k', 'vä\r\nx')).toBe('OK')
  if (signal) {
    await server.kill(signal)
    await expect(server.command('PING')).rejects.toThrow('ECONNREFUSED')
  }
  await server.restart()
  expect(await server.command('GET', 'k')).toBe('vä\r\nx')
  await server.stop()
  expect(existsSync(server.dataDir ?? '/')).toBe(false)
})

test('flush empties it, and so does a crash without the append-only file', async () => {
  const server = await start({ appendOnly: false })
  await server.command('SET', 'a', '1')
  await server.flush()
  expect(await server.command('DBSIZE')).toBe('0')
  await server.command('SET', 'a', '2')
  await server.kill()
  await server.restart()
  expect(await server.command('GET', 'a')).toBeNull()
})

test('a password is required and part of the URL', async () => {
  const server = await start({ password: 'p/w@d' })
  expect(new URL(server.url).password).toBe('p%2Fw%40d')
  expect(await server.command('PING')).toBe('PONG')
  vi.stubEnv('BRIDGE_TEST_REDIS_URL', server.url.replace(/:[^/]*@/, ''))
  await expect(startRedis()).rejects.toThrow('NOAUTH')
})

test('pause freezes it until resume', async () => {
  const server = await start()
  await server.pause()
  const frozen = server.command('PING')
  await expect(frozen).rejects.toThrow('no reply to PING')
  await server.resume()
  expect(await server.command('PING')).toBe('PONG')
})

test('of a server given by URL only the named database is flushed', async () => {
  const owner = await start()
  await owner.command('SET', 'keep', '1')
  vi.stubEnv('BRIDGE_TEST_REDIS_URL', `${owner.url}/5`)
  const given = await startRedis()
  expect(given).toMatchObject({ via: 'url', controllable: false, dataDir: undefined })
  await given.command('SET', 'gone', '1')
  await given.flush()
  expect(await given.command('DBSIZE')).toBe('0')
  expect(await owner.command('GET', 'keep')).toBe('1')
  await expect(given.restart()).rejects.toThrow('BRIDGE_TEST_REDIS_URL')
})
