import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readLock, tryLock, withFileLock } from './file-lock.mjs'
import { ownIdentity } from './process-identity.mjs'

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'file-lock-'))
  path = join(folder, 'lock')
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const take = (details?: Record<string, unknown>): (() => void) => {
  const lock = tryLock(path, details)
  if ('holder' in lock) throw new Error(`held by ${lock.holder.pid}`)
  return lock.release
}

describe('a file lock', () => {
  it('is held once, shows its holder to the user alone, and is released', () => {
    const release = take({ url: 'http://here' })
    expect(readLock(path)).toEqual({ ...ownIdentity(), url: 'http://here' })
    expect(tryLock(path)).toEqual({ holder: { ...ownIdentity(), url: 'http://here' } })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    release()
    expect(readdirSync(folder)).toEqual([])
    expect(readLock(path)).toBeUndefined()
  })

  it.each([
    ['a dead process', { pid: 999_999_999 }],
    ['an earlier process with the same pid', { startTime: 1 }],
    ['an earlier boot', { host: `${hostname()}/earlier/pid:[1]` }],
  ])('of %s is taken over', (_, stale) => {
    writeFileSync(path, JSON.stringify({ ...ownIdentity(), ...stale }))
    take()()
    expect(readdirSync(folder)).toEqual([])
  })

  it.each([
    ['another machine', { host: 'elsewhere/boot/pid:[1]' }],
    ['a process that cannot be proven dead', { startTime: null }],
    ['an older version, which wrote another form', { host: hostname(), startTime: '123', boot: 'x', namespace: 'y' }],
  ])('of %s is respected', (_, other) => {
    const holder = { ...ownIdentity(), ...other }
    writeFileSync(path, JSON.stringify(holder))
    expect(tryLock(path)).toEqual({ holder })
  })

  it.each(['', '{"pid":', '[]', 'null', '{"pid":"1"}'])('that holds %j is replaced', (text) => {
    writeFileSync(path, text)
    take()()
    expect(readdirSync(folder)).toEqual([])
  })

  it('is not released by a process that lost it', () => {
    const release = take()
    const other = JSON.stringify({ ...ownIdentity(), pid: 1 })
    writeFileSync(path, other)
    release()
    expect(readFileSync(path, 'utf8')).toBe(other)
  })
})

describe('work under a file lock', () => {
  it('waits for the holder, reports it once, and releases the lock even when it fails', async () => {
    const release = take()
    const onWait = vi.fn()
    const work = withFileLock(path, onWait, async () => {
      expect(existsSync(path)).toBe(true)
      throw new Error('broken')
    })
    setTimeout(release, 250)
    await expect(work).rejects.toThrow('broken')
    expect(onWait).toHaveBeenCalledExactlyOnceWith(ownIdentity())
    expect(existsSync(path)).toBe(false)
  })
})
