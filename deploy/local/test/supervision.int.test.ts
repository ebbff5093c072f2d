import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startTimeOf } from '@codex-bridge/platform'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type BridgeOptions, type RunningBridge, SERVICES, startBridge } from '../dist/index.js'

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
const isRunning = (pid: number): boolean => startTimeOf(pid) !== undefined

let dataDir: string
let bridges: RunningBridge[]

const start = async (options: Partial<BridgeOptions> = {}): Promise<{ bridge: RunningBridge; said: string[] }> => {
  const said: string[] = []
  const bridge = await startBridge({ dataDir, entryOf: () => fixture('service.mjs'), say: (line) => said.push(line), ...options })
  bridges.push(bridge)
  return { bridge, said }
}

const until = async (holds: () => boolean, timeoutMs = 5000): Promise<void> => {
  const deadline = performance.now() + timeoutMs
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`did not hold within ${timeoutMs} ms`)
    await sleep(20)
  }
}

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'bridge-local-'))
  bridges = []
})

afterEach(async () => {
  for (const bridge of bridges) await bridge.stop(true)
  rmSync(dataDir, { recursive: true, force: true })
})

describe('start and stop', () => {
  test('every process runs, and after stop no process, lock or identity is left', async () => {
    const { bridge } = await start()
    const pids = Object.values(bridge.pids)
    expect(Object.keys(bridge.pids).sort()).toEqual([...SERVICES, 'nats', 'redis'].sort())
    expect(pids.every(isRunning)).toBe(true)
    expect(statSync(join(dataDir, 'secrets.json')).mode & 0o777).toBe(0o600)
    await bridge.stop()
    expect(pids.filter(isRunning)).toEqual([])
    expect(readdirSync(join(dataDir, 'run'))).toEqual([])
  })

  test('services start also when they are told to log problems only', async () => {
    const env = { ...process.env, BRIDGE_LOG_LEVEL: 'error' }
    const bridge = await startBridge({ dataDir, services: ['approvals', 'lane-registry'], env, quiet: true })
    bridges.push(bridge)
    expect([bridge.pids['approvals'], bridge.pids['lane-registry']].every((pid) => pid !== undefined && isRunning(pid))).toBe(true)
  })

  test('data and credentials survive a restart', async () => {
    const first = await start({ services: [] })
    const password = first.bridge.credentials('gateway').password
    await first.bridge.stop()
    const second = await start({ services: [] })
    expect(second.bridge.credentials('gateway').password).toBe(password)
    expect(password).toMatch(/^[\w-]{32}$/)
  })

  test('a service gets its own credential and no other', async () => {
    const { bridge } = await start({ env: { ...process.env, BRIDGE_WEBHOOK_KEY: 'user', OPENAI_API_KEY: 'x', NATS_PASSWORD_GATEWAY: 'x' } })
    const names = (service: (typeof SERVICES)[number]): string[] => {
      const line =
        bridge
          .logs(service)
          .split('\n')
          .find((entry) => entry.includes('"environment"')) ?? '{}'
      return (JSON.parse(line) as { names: string[] }).names
    }
    for (const service of SERVICES) {
      expect(names(service), service).toEqual(expect.arrayContaining(['NATS_URL', 'NATS_USER', 'NATS_PASSWORD', 'BRIDGE_INSTANCE', 'PATH']))
      expect(names(service).includes('REDIS_URL'), service).toBe(service === 'lane-registry')
      expect(names(service).includes('BRIDGE_WEBHOOK_KEY'), service).toBe(service === 'webhook-dispatcher')
      expect(names(service).includes('OPENAI_API_KEY'), service).toBe(service === 'session-runner')
      expect(names(service)).not.toContain('NATS_PASSWORD_GATEWAY')
    }
  })

  test('a service that cannot start fails the start with its own words, and nothing is left', async () => {
    const failing = start({ serviceEnv: { approvals: { FAIL_WITH: 'no such setting' } } })
    await expect(failing).rejects.toThrow(/approvals could not be started: it ended \(code 1\)\n\s+fatal: no such setting/)
    expect(readdirSync(join(dataDir, 'run'))).toEqual([])
  })

  test('a given server is used as it is, and asked for in vain with its name', async () => {
    const { bridge: host } = await start({ services: [] })
    const given = { ...process.env, NATS_URL: host.natsUrl, NATS_USER: 'migrator', NATS_PASSWORD: host.credentials('migrator').password }
    const guestDir = join(dataDir, 'guest')
    const { bridge: guest } = await start({ dataDir: guestDir, services: [], env: { ...given, REDIS_URL: host.redisUrl } })
    expect(guest.pids).toEqual({})
    expect(guest.credentials('gateway').user).toBe('migrator')
    await guest.stop()
    const nowhere = { ...given, NATS_URL: 'nats://127.0.0.1:1' }
    await expect(start({ dataDir: guestDir, services: [], env: nowhere, healthyTimeoutMs: 500 })).rejects.toThrow(
      'NATS_URL: nothing answers at 127.0.0.1:1',
    )
  })

  test('a start can be given up', async () => {
    const giveUp = new AbortController()
    const said: string[] = []
    const starting = start({ signal: giveUp.signal, say: (line) => said.push(line) })
    await until(() => said.some((line) => line.endsWith('is ready')))
    giveUp.abort()
    await expect(starting).rejects.toThrow()
    expect(readdirSync(join(dataDir, 'run'))).toEqual([])
  })

  test('what does not listen to SIGTERM is killed when stop is asked for again', async () => {
    const { bridge } = await start({ serviceEnv: { 'lane-registry': { STUBBORN: '1' } } })
    const pids = Object.values(bridge.pids)
    const slow = bridge.stop()
    await until(() => SERVICES.every((service) => service === 'lane-registry' || bridge.pids[service] === undefined))
    await bridge.stop(true)
    await slow
    expect(pids.filter(isRunning)).toEqual([])
  })
})

describe('one bridge per folder and port', () => {
  test('a second start is refused and says who runs', async () => {
    const { bridge } = await start({ services: [] })
    await expect(start({ services: [] })).rejects.toThrow(`process ${process.pid}`)
    expect(bridge.pids.nats).toBeTypeOf('number')
  })

  test('the lock of a dead process is taken over, and what it left is ended', async () => {
    const child = spawn(process.execPath, [fixture('bridge.mjs'), dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const { pids } = JSON.parse(line.toString()) as { pids: Record<string, number> }
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(existsSync(join(dataDir, 'run/bridge.lock'))).toBe(true)
    await until(() => !Object.values(pids).some(isRunning))
    const { bridge } = await start()
    expect(bridge.health?.status).toBe('ok')
  })

  test('a taken port is said before anything is started', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as { port: number }
    await expect(start({ port })).rejects.toThrow(`Port ${port} on 127.0.0.1 is taken by another program. Choose another: PORT=`)
    expect(readdirSync(join(dataDir, 'run'))).toEqual([])
    holder.close()
  })
})

describe('a process that dies', () => {
  test('is started again, and the console says so', async () => {
    const { bridge, said } = await start()
    const before = bridge.pids['session-runner']
    await bridge.kill('session-runner')
    await until(() => bridge.pids['session-runner'] !== undefined && bridge.pids['session-runner'] !== before)
    await bridge.ready('session-runner')
    expect(said).toContain('session-runner ended (signal SIGKILL) — restarting')
  })

  test.each(['nats', 'redis'] as const)('%s comes back on its port', async (name) => {
    const { bridge } = await start({ services: [] })
    const before = bridge.pids[name]
    await bridge.kill(name)
    await until(() => bridge.pids[name] !== undefined && bridge.pids[name] !== before)
    await bridge.ready(name)
    expect(bridge.logs(name)).toMatch(/Server is ready[\s\S]*Server is ready|Ready to accept[\s\S]*Ready to accept/)
  })

  test('stays ended when it was ended on purpose, until it is started', async () => {
    const { bridge } = await start({ services: ['approvals', 'lane-registry'] })
    await bridge.stopProcess('approvals')
    // What dies is started again with a delay: when this one is back, the other would be.
    await bridge.kill('lane-registry')
    await bridge.ready('lane-registry')
    expect(bridge.pids.approvals).toBeUndefined()
    await bridge.startProcess('approvals')
    expect(bridge.pids.approvals).toBeTypeOf('number')
  })
})
