import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { identityOf } from '../../bootstrap/process-identity.mjs'
import { LogFile } from '../supervision/log-file.ts'
import { BridgeRunsError, readLock, takeLock } from './bridge-lock.ts'
import { freePortFrom, probePort, readPorts, writePorts } from './ports.ts'
import { loadSecrets } from './secrets.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bridge-files-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('the lock of a data folder', () => {
  const path = (): string => join(folder, 'bridge.lock')

  test('is held once, and given back', () => {
    const release = takeLock(path(), folder, 'http://here')
    expect(readLock(path())).toMatchObject({ pid: process.pid, url: 'http://here' })
    expect(() => takeLock(path(), folder, '')).toThrow(BridgeRunsError)
    release()
    expect(existsSync(path())).toBe(false)
  })

  test('of a dead process, of a reused pid and of an earlier boot is taken over', () => {
    const own = identityOf(process.pid)
    for (const stale of [{ startTime: '1' }, { pid: 999_999_999 }, { boot: 'an earlier one' }]) {
      writeFileSync(path(), JSON.stringify({ ...own, since: '', url: '', ...stale }))
      takeLock(path(), folder, '')()
    }
    expect(existsSync(path())).toBe(false)
  })

  test('of another machine is respected', () => {
    writeFileSync(path(), JSON.stringify({ ...identityOf(process.pid), host: 'elsewhere', boot: 'another', since: '', url: '' }))
    expect(() => takeLock(path(), folder, '')).toThrow(/machine elsewhere[\s\S]*remove/)
  })

  test('is not given back by one who no longer holds it', () => {
    const release = takeLock(path(), folder, '')
    const other = JSON.stringify({ ...identityOf(1), pid: 1, startTime: 'x', since: '', url: '' })
    writeFileSync(path(), other)
    release()
    expect(readFileSync(path(), 'utf8')).toBe(other)
  })
})

describe('credentials', () => {
  test('are made once, readable by the user alone', () => {
    const path = join(folder, 'secrets.json')
    const made = loadSecrets(path)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(Buffer.from(made.webhookKey, 'base64')).toHaveLength(32)
    expect(new Set([...Object.values(made.bus), made.redis]).size).toBe(8)
    chmodSync(path, 0o644)
    expect(loadSecrets(path)).toEqual(made)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('of an older version get what is new and keep the rest', () => {
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

test('a log is rotated at its start and at its size', () => {
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

test('ports are kept, and nonsense in their file is ignored', async () => {
  const path = join(folder, 'ports.json')
  writePorts(path, { nats: 4333, redis: 6380 })
  expect(readPorts(path)).toEqual({ nats: 4333, redis: 6380 })
  writeFileSync(path, '{"nats":"x","redis":70000}')
  expect(readPorts(path)).toEqual({})
  const free = await freePortFrom(20_000)
  expect(await freePortFrom(free, [free])).not.toBe(free)
  expect(await probePort(free)).toBe(free)
})
