import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { ownIdentity, probePort } from '@codex-bridge/platform'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LogFile } from '../supervision/log-file.ts'
import { BridgeRunsError, takeLock } from './bridge-lock.ts'
import { loadSecrets } from './credentials.ts'
import { freePortFrom, readPorts, writePorts } from './ports.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bridge-files-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('the lock of a data folder', () => {
  const path = (): string => join(folder, 'bridge.lock')

  test('names the bridge that holds it', () => {
    const release = takeLock(path(), folder, 'http://here')
    expect(() => takeLock(path(), folder, '')).toThrow(BridgeRunsError)
    expect(() => takeLock(path(), folder, '')).toThrow(`process ${process.pid}, http://here, since 20`)
    release()
    expect(existsSync(path())).toBe(false)
  })

  test('of another machine is respected', () => {
    writeFileSync(path(), JSON.stringify({ ...ownIdentity(), host: 'elsewhere/boot/pid:[1]', since: '', url: '' }))
    expect(() => takeLock(path(), folder, '')).toThrow(/machine elsewhere,[\s\S]*remove/)
  })

  test('of a version that wrote another form is respected', () => {
    const old = { pid: process.pid, startTime: '1', host: hostname(), boot: 'b', namespace: 'n', since: '', url: '' }
    writeFileSync(path(), JSON.stringify(old))
    expect(() => takeLock(path(), folder, '')).toThrow(BridgeRunsError)
  })
})

describe('credentials', () => {
  test('are created once, readable by the user alone', () => {
    const path = join(folder, 'secrets.json')
    const made = loadSecrets(path)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(Buffer.from(made.webhookKey, 'base64')).toHaveLength(32)
    expect(new Set([...Object.values(made.bus), made.redis]).size).toBe(8)
    chmodSync(path, 0o644)
    expect(loadSecrets(path)).toEqual(made)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('of an older version get what is missing and keep the rest', () => {
    const path = join(folder, 'secrets.json')
    const { bus, redis } = loadSecrets(path)
    writeFileSync(path, JSON.stringify({ bus: { gateway: bus.gateway }, redis }))
    const grown = loadSecrets(path)
    expect(grown).toMatchObject({ bus: { gateway: bus.gateway }, redis })
    expect(grown.bus.approvals).not.toBe('')
  })

  test('that cannot be read are not replaced', () => {
    const path = join(folder, 'secrets.json')
    writeFileSync(path, '{"bus":')
    expect(() => loadSecrets(path)).toThrow(/damaged/)
  })
})

test('a log is rotated when it is opened and when it reaches its size', () => {
  const path = join(folder, 'x.log')
  const first = new LogFile(path, 10)
  first.write('0123456789')
  first.write('second')
  expect(first.text()).toBe('second')
  first.close()
  first.write('after its end')
  const next = new LogFile(path, 10)
  next.write('third')
  next.close()
  expect([path, `${path}.1`, `${path}.2`].map((file) => readFileSync(file, 'utf8'))).toEqual(['third', 'second', '0123456789'])
})

test('ports are kept, and invalid entries in their file are ignored', async () => {
  const path = join(folder, 'ports.json')
  writePorts(path, { nats: 4333, redis: 6380 })
  expect(readPorts(path)).toEqual({ nats: 4333, redis: 6380 })
  writeFileSync(path, '{"nats":"x","redis":70000}')
  expect(readPorts(path)).toEqual({})
  const free = await freePortFrom(20_000)
  expect(await freePortFrom(free, [free])).not.toBe(free)
  expect(await probePort(free)).toBe(free)
})
