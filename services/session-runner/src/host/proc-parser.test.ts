import { describe, expect, it } from 'vitest'
import {
  lockedThreadOf,
  mountPointOf,
  parseBootTime,
  parseFileLocks,
  parseNulSeparated,
  type VisibilityLimits,
  whyInvisible,
} from './proc-parser.ts'

/** As read on Linux 6.18 while an app-server had one thread loaded and another waited for a lock. */
const LOCKS = `1: FLOCK  ADVISORY  WRITE 12186 fe:00:2221469 0 EOF
2: POSIX  ADVISORY  READ  811 00:1a:1187 128 128
3: FLOCK  ADVISORY  READ  30148 fe:00:2148340 0 EOF
3: -> FLOCK  ADVISORY  WRITE 30199 fe:00:2148340 0 EOF
4: OFDLCK ADVISORY  WRITE -1 00:05:77 0 EOF
5: FLOCK  ADVISORY  WRITE 0 fe:00:99 0 EOF
`

describe('parseFileLocks', () => {
  it('reads only held flocks: no waiters, no record locks', () => {
    expect(parseFileLocks(LOCKS)).toEqual([
      { pid: 12186, inode: 2221469 },
      { pid: 30148, inode: 2148340 },
      { pid: 0, inode: 99 },
    ])
    expect(parseFileLocks('')).toEqual([])
  })
})

describe('lockedThreadOf', () => {
  it('reads the thread from the path of a lock, also of a removed one', () => {
    const locks = '/home/dev/.codex/thread-writer-locks'
    expect(lockedThreadOf(`${locks}/01a2-b.lock`)).toEqual({ locks, threadId: '01a2-b' })
    expect(lockedThreadOf(`${locks}/01a2-b.lock (deleted)`)).toEqual({ locks, threadId: '01a2-b' })
    for (const other of ['socket:[1]', '/x/01a2.lock', `${locks}/deeper/x.lock`]) expect(lockedThreadOf(other)).toBeUndefined()
  })
})

describe('parsers of /proc', () => {
  it('read boot time and NUL-separated text', () => {
    expect(parseBootTime('cpu 1 2\nbtime 1795367000\nprocesses 5\n')).toBe(1795367000)
    expect(parseBootTime('')).toBeUndefined()
    expect(parseNulSeparated('codex\0app-server\0')).toEqual(['codex', 'app-server'])
  })

  it('find the mount point of a path', () => {
    const info =
      '21 1 0:1 / / rw - overlay o rw\n30 21 0:9 /d /home/dev/.codex rw - ext4 /dev/a rw\n31 21 0:9 / /home rw - ext4 /dev/b rw\n'
    expect(mountPointOf(info, '/home/dev/.codex')).toBe('/home/dev/.codex')
    expect(mountPointOf(info, '/home/dev/.codexed')).toBe('/home')
    expect(mountPointOf(info, '/srv/home')).toBe('/')
    expect(mountPointOf('', '/x')).toBe('/')
  })
})

describe('whyInvisible', () => {
  const fine: VisibilityLimits = {
    platform: 'linux',
    switchedOff: false,
    locksReadable: true,
    homeHasLocks: true,
    onHost: true,
    homeIsMounted: true,
    ownThreads: 0,
    ownThreadsSeen: 0,
  }

  it('is null on a host, and in a container with its own home', () => {
    expect(whyInvisible(fine)).toBeNull()
    expect(whyInvisible({ ...fine, onHost: false, homeIsMounted: false })).toBeNull()
    expect(whyInvisible({ ...fine, ownThreads: 2, ownThreadsSeen: 1 })).toBeNull()
  })

  it.each([
    [{ platform: 'darwin' }, /darwin/],
    [{ switchedOff: true }, /switched off/],
    [{ locksReadable: false }, /cannot be read/],
    [{ homeHasLocks: false, ownThreads: 1, ownThreadsSeen: 0 }, /keeps no writer locks/],
    [{ onHost: false }, /container/],
    [{ ownThreads: 1 }, /of the runner itself/],
  ])('explains %j', (change, words) => {
    expect(whyInvisible({ ...fine, ...change })).toMatch(words)
  })
})
