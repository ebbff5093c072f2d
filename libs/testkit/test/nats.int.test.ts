import { existsSync, readdirSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createTempDir } from '../src/files/temp-dir.ts'
import { findProcesses } from '../src/processes/process-list.ts'
import { type NatsServer, readNatsInfo, startNats } from '../src/servers/nats-server.ts'
import { installCommand } from '../src/servers/server-host.ts'
import { waitFor } from '../src/wait-for.ts'

const running: NatsServer[] = []

const start = async (options: Parameters<typeof startNats>[0] = {}): Promise<NatsServer> => {
  const server = await startNats({ exclusive: true, ...options })
  running.push(server)
  return server
}

/** One JetStream or core request over the bare protocol. */
const ask = async (port: number, subject: string, body: object = {}, connectOptions: object = {}): Promise<unknown> => {
  const socket: Socket = connect(port, '127.0.0.1')
  const payload = JSON.stringify(body)
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  socket.on('error', () => undefined)
  const login = JSON.stringify({ verbose: false, pedantic: false, ...connectOptions })
  socket.write(`CONNECT ${login}\r\nSUB answer 1\r\nPUB ${subject} answer ${payload.length}\r\n${payload}\r\nPING\r\n`)
  try {
    const message = await waitFor(() => /MSG answer 1 +\d+\r\n(.*)\r\n/.exec(text) ?? /-ERR (.*)\r\n/.exec(text), {
      timeoutMs: 2000,
      describe: `an answer to ${subject}`,
    })
    return JSON.parse(message[1]?.startsWith('{') ? message[1] : JSON.stringify({ refused: message[1] }))
  } finally {
    socket.destroy()
  }
}

const storedMessages = async (port: number): Promise<number> => {
  const info = (await ask(port, '$JS.API.STREAM.INFO.T')) as { state: { messages: number } }
  return info.state.messages
}

beforeEach(() => {
  vi.stubEnv('BRIDGE_TEST_CONTAINERS', '')
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await Promise.all(running.splice(0).map((server) => server.stop()))
})

test('starts with JetStream on loopback, and stop leaves neither process nor data', async () => {
  const server = await start()
  expect(server).toMatchObject({ via: 'binary', controllable: true, url: `nats://127.0.0.1:${server.port}` })
  expect(server.version).toMatch(/^\d+\.\d+\.\d+/)
  const info = await readNatsInfo('127.0.0.1', server.port)
  expect(info).toMatchObject({ jetstream: true, version: server.version })
  expect(existsSync(server.storeDir ?? '')).toBe(true)
  await server.stop()
  await server.stop()
  expect(existsSync(server.storeDir ?? '/')).toBe(false)
  await expect(readNatsInfo('127.0.0.1', server.port)).rejects.toThrow('ECONNREFUSED')
  await expect(server.restart()).rejects.toThrow('use kill()')
})

test.each(['SIGKILL', 'SIGTERM', undefined] as const)('restart after %s keeps port, data and config', async (signal) => {
  const server = await start({ configText: 'max_payload: 123456' })
  await ask(server.port, '$JS.API.STREAM.CREATE.T', { name: 'T', subjects: ['t.>'], storage: 'file' })
  expect(await ask(server.port, 't.1', { n: 1 })).toMatchObject({ stream: 'T', seq: 1 })
  expect(await ask(server.port, 't.2', { n: 2 })).toMatchObject({ stream: 'T', seq: 2 })
  if (signal) {
    await server.kill(signal)
    await expect(readNatsInfo('127.0.0.1', server.port)).rejects.toThrow('ECONNREFUSED')
  }
  await server.restart()
  expect(await storedMessages(server.port)).toBe(2)
  expect(await ask(server.port, 't.3', { n: 3 })).toMatchObject({ stream: 'T', seq: 3 })
  expect((await readNatsInfo('127.0.0.1', server.port)).max_payload).toBe(123_456)
})

test('pause freezes it, resume continues it, and a paused server can be stopped', async () => {
  const server = await start()
  await server.pause()
  await expect(readNatsInfo('127.0.0.1', server.port, 150)).rejects.toThrow('no INFO')
  await server.resume()
  expect((await readNatsInfo('127.0.0.1', server.port)).version).toBe(server.version)
  await server.pause()
  const stopping = performance.now()
  await server.stop()
  expect(performance.now() - stopping).toBeLessThan(4000)
})

test('a given store is used, kept, and reused by the next server', async () => {
  const store = createTempDir()
  const first = await start({ storeDir: store.path })
  await ask(first.port, '$JS.API.STREAM.CREATE.T', { name: 'T', subjects: ['t.>'] })
  await ask(first.port, 't.1')
  await first.stop()
  expect(readdirSync(store.path)).toContain('jetstream')
  const second = await start({ storeDir: store.path })
  expect(await storedMessages(second.port)).toBe(1)
  await second.stop()
  store.cleanup()
})

test('config text can require users, and an invalid one is reported with the server’s message', async () => {
  const server = await start({ configText: 'authorization { user: a, password: b }' })
  expect(await ask(server.port, 'x')).toEqual({ refused: "'Authorization Violation'" })
  expect(await ask(server.port, '$JS.API.INFO', {}, { user: 'a', pass: 'b' })).toMatchObject({ limits: {} })
  await expect(start({ configText: 'no_such_field: 1' })).rejects.toThrow(/unknown field "no_such_field"/)
})

test('several start at once, each on its own port', async () => {
  const servers = await Promise.all([start(), start(), start()])
  expect(new Set(servers.map(({ port }) => port)).size).toBe(3)
})

test('a server given by URL is used when suitable, and cannot be harmed', async () => {
  const owner = await start()
  vi.stubEnv('BRIDGE_TEST_NATS_URL', owner.url)
  const given = await startNats()
  expect(given).toMatchObject({ via: 'url', controllable: false, url: owner.url, port: owner.port })
  await expect(given.kill()).rejects.toThrow('BRIDGE_TEST_NATS_URL')
  await given.stop()
  expect((await readNatsInfo('127.0.0.1', owner.port)).version).toBe(given.version)
  const own = await start({ exclusive: false, configText: 'max_payload: 1000' })
  expect(own.via).toBe('binary')
})

test('a container engine that does not answer costs seconds, then the local binary serves', async () => {
  const deaf = createServer((socket) => socket.on('error', () => undefined))
  await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve))
  const { port } = deaf.address() as { port: number }
  vi.stubEnv('BRIDGE_TEST_CONTAINERS', '1')
  vi.stubEnv('DOCKER_HOST', `tcp://127.0.0.1:${port}`)
  const starting = performance.now()
  const server = await start()
  expect(server.via).toBe('binary')
  expect(performance.now() - starting).toBeLessThan(8000)
  deaf.close()
}, 20_000)

test('without engine and binary the error names the command to type', async () => {
  vi.resetModules()
  vi.doMock('../src/servers/container-host.ts', () => ({ startContainerHost: () => Promise.reject(new Error('no engine')) }))
  vi.doMock('@codex-bridge/platform', async (importOriginal) => ({
    ...(await importOriginal<object>()),
    findExecutable: (name: string) => (name === 'apt-get' ? '/usr/bin/apt-get' : undefined),
  }))
  const fresh = await import('../src/servers/nats-server.ts')
  await expect(fresh.startNats({ exclusive: true })).rejects.toThrow(
    /not installed .*\(no engine\)\. Type: sudo apt-get install -y nats-server$/,
  )
  vi.doUnmock('../src/servers/container-host.ts')
  vi.doUnmock('@codex-bridge/platform')
  vi.resetModules()
  expect(installCommand('redis-server', 'redis:7-alpine', 6379)).toMatch(/redis/)
})

test('a foreign server on the port is not mistaken for our own', async () => {
  const foreign = await start()
  await expect(start({ port: foreign.port })).rejects.toThrow(/address already in use/)
  const speaker = createServer((socket) => socket.end('220 hello\r\n'))
  await new Promise<void>((resolve) => speaker.listen(0, '127.0.0.1', resolve))
  const { port } = speaker.address() as { port: number }
  await expect(readNatsInfo('127.0.0.1', port)).rejects.toThrow('is not a NATS server: 220 hello')
  speaker.close()
})

test('nothing of this file is left running', () => {
  expect(findProcesses(({ ppid, cmdline }) => ppid === process.pid && /nats-server/.test(cmdline[0] ?? ''))).toEqual([])
})
