import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killGroup, processStatus } from '@codex-bridge/platform'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { findMarkedProcesses } from '../src/app-server/marked-process-reaper.ts'
import { readCodexVersion } from '../src/binary/binary-resolver.ts'
import { AppServerProcess, AppServerStartError, isUnknownMethod, RpcError, RpcTimeoutError, readMethods } from '../src/index.ts'
import { RpcClosedError } from '../src/rpc/rpc-errors.ts'
import { binary, CodexFixture } from './support/codex-fixture.ts'
import { livingMembers, runningWith } from './support/process-group.ts'

const clientInfo = { name: 'codex-bridge-test', version: '0.0.1' }
let home: string

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'codex-home-'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
})

describe('start', () => {
  it('returns an initialised server with its version and home', async () => {
    const server = await AppServerProcess.start({ binary, codexHome: home, clientInfo })
    expect([server.codexVersion, server.codexHome]).toEqual([await readCodexVersion(binary), home])
    expect(server.userAgent).toMatch(/^codex-bridge-test\//)
    expect(processStatus(server.identity)).toBe('alive')
    const { data } = await server.peer.request<{ data: unknown[] }>('model/list', { limit: 2 })
    expect(data).toHaveLength(2)

    await expect(server.stop()).resolves.toEqual({ code: 0, signal: null })
    expect(processStatus(server.identity)).toBe('dead')
    await expect(server.peer.request('model/list', {})).rejects.toBeInstanceOf(RpcClosedError)
  })

  it('delivers notifications that follow the handshake at once', async () => {
    await writeFile(join(home, 'config.toml'), 'this is not toml')
    const methods: string[] = []
    const server = await AppServerProcess.start({
      binary,
      codexHome: home,
      clientInfo,
      peer: { onNotification: (method) => methods.push(method) },
    })
    await vi.waitFor(() => expect(methods).toContain('configWarning'))
    await server.stop()
  })

  it('suppresses the notifications that are opted out', async () => {
    await writeFile(join(home, 'config.toml'), 'this is not toml')
    const methods: string[] = []
    const server = await AppServerProcess.start({
      binary,
      codexHome: home,
      clientInfo,
      optOutNotificationMethods: ['configWarning'],
      peer: { onNotification: (method) => methods.push(method) },
    })
    await vi.waitFor(() => expect(methods).toContain('remoteControl/status/changed'))
    await server.stop()
    expect(methods).not.toContain('configWarning')
  })

  it('passes config overrides', async () => {
    const server = await AppServerProcess.start({
      binary,
      codexHome: home,
      clientInfo,
      configOverrides: { model: '"gpt-5.5"' },
      disableFeatures: ['apps'],
    })
    const { config } = await server.peer.request<{ config: { model: string } }>('config/read', {})
    expect(config.model).toBe('gpt-5.5')
    await server.stop()
  })

  it("keeps the bridge's secrets out of the child", async () => {
    vi.stubEnv('BRIDGE_TOKEN', 'secret')
    vi.stubEnv('NATS_URL', 'nats://secret')
    vi.stubEnv('REDIS_URL', 'redis://secret')
    vi.stubEnv('SPECIAL_KEY', 'secret')
    const server = await AppServerProcess.start({ binary, codexHome: home, clientInfo, stripEnv: ['SPECIAL_KEY'], env: { HELLO: 'there' } })
    const { stdout } = await server.peer.call('command/exec', { command: ['env'], timeoutMs: 5000 })
    await server.stop()
    expect(stdout).toContain('HELLO=there')
    expect(stdout).not.toContain('secret')
  })

  it.each([
    ['a missing binary', { binary: '/nowhere/codex' }, 'spawn'],
    ['a missing working folder', { cwd: '/nowhere' }, 'spawn'],
    ['a missing home', { codexHome: '/nowhere/home' }, 'handshake'],
    ['a binary that ends at once', { binary: '/bin/false' }, 'handshake'],
    ['a binary that says nothing', { binary: '/bin/cat', args: ['-'], startTimeoutMs: 300 }, 'handshake'],
  ])('refuses %s with its reason', async (_case, options, stage) => {
    const error: unknown = await AppServerProcess.start({ binary, codexHome: home, clientInfo, ...options }).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(AppServerStartError)
    expect((error as AppServerStartError).stage).toBe(stage)
  })

  it('shows the end of stderr when the handshake fails', async () => {
    const error = (await AppServerProcess.start({ binary, codexHome: '/nowhere/home', clientInfo }).catch(
      (e: unknown) => e,
    )) as AppServerStartError
    expect(error.exit).toEqual({ code: 1, signal: null })
    expect(error.stderr).toContain('/nowhere/home')
  })
})

describe('stop', () => {
  it.each([
    ['sandboxed', 'run'],
    ['escalated', 'ask-run'],
  ])('aborts a running turn and its %s command, and leaves no process', async (_kind, directive) => {
    await using codex = await CodexFixture.start()
    const threadId = await codex.startThread()
    // A unique number finds the command wherever it runs: codex gives it another process group.
    const command = `sleep 300.${process.pid}1`
    await codex.startTurn(threadId, `#${directive} ${command}`)
    if (directive === 'ask-run') codex.server.peer.respond((await codex.request(0)).id, { decision: 'accept' })
    await vi.waitFor(() => expect(runningWith(command)).not.toEqual([]), { timeout: 5000 })
    const { server } = codex
    expect(livingMembers(server.pid).length).toBeGreaterThan(0)
    const [first, second] = await Promise.all([server.stop(), server.stop()])
    expect(first).toEqual({ code: 0, signal: null })
    expect(second).toBe(first)
    await vi.waitFor(() => expect([...livingMembers(server.pid), ...runningWith(command)]).toEqual([]))
    expect(server.peer.closed).toBe(true)
  })

  it('ends a process that ignores both the end of stdin and SIGTERM', async () => {
    const stubborn = join(home, 'stubborn')
    // Answers the handshake, then ignores everything, as does its child.
    await writeFile(
      stubborn,
      `#!/bin/bash
trap '' TERM
read line
echo '{"id":1,"result":{"userAgent":"stub/1.2.3 (x)","codexHome":"/x","platformFamily":"unix","platformOs":"linux"}}'
sleep 300 &
while true; do sleep 0.05; done
`,
      { mode: 0o755 },
    )
    const server = await AppServerProcess.start({ binary: stubborn, codexHome: home, clientInfo })
    expect(server.codexVersion).toBe('1.2.3')
    await expect(server.stop({ graceMs: 100 })).resolves.toEqual({ code: null, signal: 'SIGKILL' })
    await vi.waitFor(() => expect(livingMembers(server.pid)).toEqual([]))
  })

  it('ends what an exited leader left behind', async () => {
    const leaver = join(home, 'leaver')
    await writeFile(
      leaver,
      `#!/bin/bash\nread line\necho '{"id":1,"result":{"userAgent":"stub/1.2.3 (x)"}}'\nsleep 300 &\nread line\nread line\nexit 0\n`,
      { mode: 0o755 },
    )
    const server = await AppServerProcess.start({ binary: leaver, codexHome: home, clientInfo })
    await expect(server.stop()).resolves.toEqual({ code: 0, signal: null })
    await vi.waitFor(() => expect(livingMembers(server.pid)).toEqual([]))
  })

  it('rejects pending calls when the process is killed, and reports the signal', async () => {
    await using codex = await CodexFixture.start()
    const pending = codex.server.peer.call('command/exec', { command: ['sleep', '60'] }).catch((e: unknown) => e)
    await codex.server.peer.request('model/list', {})
    expect(killGroup(codex.server.identity, 'SIGKILL')).toBe(true)
    expect(await pending).toMatchObject({ name: 'RpcClosedError', method: 'command/exec', sent: true })
    await expect(codex.server.exited).resolves.toEqual({ code: null, signal: 'SIGKILL' })
    await expect(codex.server.stop()).resolves.toEqual({ code: null, signal: 'SIGKILL' })
  })

  it('leaves no command behind when killed while codex sets up its sandbox', async () => {
    const command = `300.${process.pid}3`
    // Orphans were seen for a kill 18 to 22 ms after the request.
    for (const delayMs of [12, 15, 18, 21, 24]) {
      await using codex = await CodexFixture.start()
      codex.server.peer.call('command/exec', { command: ['sleep', command] }).catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      await expect(codex.server.kill()).resolves.toEqual({ code: null, signal: 'SIGKILL' })
      await vi.waitFor(() => expect([...findMarkedProcesses(codex.server.mark), ...runningWith(`sleep ${command}`)]).toEqual([]))
    }
  })

  it('leaves no listener or timer behind', async () => {
    const before = process.eventNames().map((name) => [name, process.listenerCount(name)])
    // Until about 0.154, some of several first starts in an empty home may end at once.
    await (await AppServerProcess.start({ binary, codexHome: home, clientInfo })).stop()
    const servers = await Promise.all([1, 2, 3].map(() => AppServerProcess.start({ binary, codexHome: home, clientInfo })))
    await Promise.all(servers.map((server) => server.stop()))
    expect(process.eventNames().map((name) => [name, process.listenerCount(name)])).toEqual(before)
  })
})

describe('requests', () => {
  it('end at their deadline and leave the connection usable', async () => {
    await using codex = await CodexFixture.start()
    const { peer } = codex.server
    const error = await peer.call('command/exec', { command: ['sleep', '1'] }, { timeoutMs: 150 }).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(RpcTimeoutError)
    expect(error).toMatchObject({ sent: true })
    await expect(peer.request('model/list', {})).resolves.toBeDefined()
    await vi.waitFor(() => expect(peer.stats.lateResponses).toBe(1), { timeout: 5000 })
    expect(peer.stats.protocolErrors).toBe(0)
  })

  it('are all answered when 500 are sent at once', async () => {
    await using codex = await CodexFixture.start()
    const { peer } = codex.server
    const calls = Array.from({ length: 500 }, () => peer.request('model/list', { limit: 1 }, { timeoutMs: 10_000 }))
    expect(await Promise.allSettled(calls)).toEqual(Array.from({ length: 500 }, () => expect.objectContaining({ status: 'fulfilled' })))
    expect(peer.stats).toMatchObject({ inFlight: 0, queued: 0, protocolErrors: 0 })
  })

  it("are answered or rejected by their deadline when 2000 exceed codex's own limit", async () => {
    await using codex = await CodexFixture.start({ server: { peer: { maxInFlight: 2000 } } })
    const { peer } = codex.server
    const started = performance.now()
    const results = await Promise.allSettled(
      Array.from({ length: 2000 }, () => peer.request('model/list', { limit: 1 }, { timeoutMs: 3000 })),
    )
    expect(performance.now() - started).toBeLessThan(6000)
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason instanceof RpcTimeoutError || result.reason instanceof RpcError).toBe(true)
    }
    expect(peer.stats).toMatchObject({ inFlight: 0, queued: 0 })
    await expect(peer.request('model/list', { limit: 1 })).resolves.toBeDefined()
  })

  it('distinguish an unknown method from a bad parameter', async () => {
    await using codex = await CodexFixture.start()
    const { peer } = codex.server
    const unknown: unknown = await peer.request('thread/unheard', {}).catch((e: unknown) => e)
    expect(isUnknownMethod(unknown, 'thread/unheard')).toBe(true)
    const bad: unknown = await peer.request('thread/start', { approvalPolicy: 'on-failure' }).catch((e: unknown) => e)
    expect(bad).toBeInstanceOf(RpcError)
    expect(isUnknownMethod(bad, 'thread/start')).toBe(false)
  })

  it('list the methods of the server', async () => {
    await using codex = await CodexFixture.start()
    const methods = await readMethods(codex.server.peer)
    expect([...(methods ?? [])]).toEqual(expect.arrayContaining(['initialize', 'thread/start', 'turn/start', 'turn/interrupt']))
    expect(methods?.has('thread/unheard')).toBe(false)
  })
})
