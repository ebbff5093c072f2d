import { BridgeError, type Lane, type Session } from '@codex-bridge/contracts'
import { type RedisServer, startRedis, waitFor } from '@codex-bridge/testkit'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectStore } from '../src/connection.ts'
import { InvalidSnapshotError, type Snapshot, SnapshotStore } from '../src/snapshot-store.ts'

let server: RedisServer
let redis: Redis
let store: SnapshotStore
const seen: string[] = []

beforeAll(async () => {
  server = await startRedis({ exclusive: true })
  redis = connectStore({ url: server.url, observe: ({ kind }) => seen.push(kind) })
  store = new SnapshotStore(redis)
  await waitFor(() => store.ready)
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})
beforeEach(() => server.flush())

/** A lane created at the n-th second. */
const NOW = '2026-01-01T00:00:00.000Z'
const laneOf = (laneId: string, seq: number): Lane => ({
  ...{ laneId, seq, createdAt: NOW, updatedAt: NOW, statusSince: NOW, status: 'idle', statusReason: null, blockedReason: null },
  ...{ projectId: null, title: null, repoRoot: null, branch: null, worktreePath: null, worktree: null, threadId: null, model: null },
  ...{ activeTurnId: null, sessionRunning: false, pendingApprovals: 0, readinessMode: 'lenient', preferredSurface: 'any' },
  ...{ requirePreferredSurface: false, surface: 'unknown', thread: null, acceptanceCriteria: [], verificationCommands: [] },
})
const sessionOf = (laneId: string, seq: number): Session => ({
  ...{ laneId, seq, running: false, threadId: null, startedAt: null, pendingRequests: 0, activeTurnId: null, readinessMode: 'lenient' },
  ...{ readinessDeferred: false, readinessReason: null, subAgents: [], phase: 'none', epoch: 0, runnerId: null, pid: null },
  ...{ codexVersion: null, stopReason: null },
})
const snapshot = (laneId: string, seq: number, second = 0, more: Partial<Snapshot> = {}): Snapshot => ({
  laneId,
  seq,
  createdAt: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString(),
  lane: JSON.stringify(laneOf(laneId, seq)),
  session: null,
  ...more,
})
const idsOf = (texts: string[]) => texts.map((text) => (JSON.parse(text) as { laneId: string }).laneId)
const list = async (query: Parameters<SnapshotStore['lanes']>[0]) => {
  const { texts, nextCursor } = await store.lanes(query)
  return { ids: idsOf(texts), nextCursor }
}
const allPages = async (limit: number) => {
  const ids: string[] = []
  let cursor: string | undefined
  do {
    const page = await list({ limit, cursor })
    expect(page.ids.length).toBeLessThanOrEqual(limit)
    ids.push(...page.ids)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  return ids
}
const members = () => redis.zrange('bridge:lanes', '0', '-1')

describe('write', () => {
  it('never lets an older snapshot replace a newer one, in whatever order they come', async () => {
    const seqs = [5, 3, 9, 9, 1, 8, 7, 2]
    await Promise.all(seqs.map((seq) => store.write(snapshot('a', seq, 0, { session: JSON.stringify({ seq }) }))))
    expect(await store.lane('a')).toBe(JSON.stringify(laneOf('a', 9)))
    expect(await store.session('a')).toBe(JSON.stringify({ seq: 9 }))
  })

  it('keeps the checkpoint, and no snapshot is missing below it', async () => {
    expect(await store.checkpoint()).toBeUndefined()
    const reading = connectStore({ url: server.url })
    const reader = new SnapshotStore(reading)
    await waitFor(() => reader.ready)
    const writing = (async () => {
      for (let seq = 1; seq <= 200; seq += 1) await Promise.all([store.write(snapshot('a', seq)), store.reset(seq)])
    })()
    for (let seen = 0; seen < 200; ) {
      seen = (await reader.checkpoint()) ?? 0
      if (seen > 0) expect(JSON.parse((await reader.lane('a')) ?? '{}').seq).toBeGreaterThanOrEqual(seen)
    }
    await writing
    reading.disconnect()
  })

  it('knows nothing of lanes that are not there, and of sessions that never were', async () => {
    expect(await store.lane('nobody')).toBeUndefined()
    expect(await store.session('nobody')).toBeUndefined()
    await store.write(snapshot('a', 1))
    expect(await store.session('a')).toBeUndefined()
    const session = JSON.stringify(sessionOf('b', 2))
    await store.write(snapshot('b', 2, 0, { session }))
    expect(await store.sessions()).toEqual([session])
  })
})

it('refuses to list a snapshot in another form, until it is written again', async () => {
  for (const lane of ['{', '{"laneId":"a"}', '[]']) {
    await store.write(snapshot('a', 1, 0, { lane }))
    await expect(store.lanes({ limit: 10 })).rejects.toThrow(InvalidSnapshotError)
    await store.write(snapshot('a', 1))
    expect((await list({ limit: 10 })).ids).toEqual(['a'])
  }
})

it('moves the checkpoint only from where its writer left it', async () => {
  await store.reset(3)
  expect(await store.advance(3, 5)).toBe(true)
  expect(await store.advance(3, 6)).toBe(false)
  expect(await store.checkpoint()).toBe(5)
  await redis.flushall()
  expect(await store.advance(5, 6)).toBe(false)
  expect(await store.checkpoint()).toBeUndefined()
})

it('lists the sessions of more lanes than are read at once', async () => {
  const count = 600
  const session = (index: number) => (index % 3 === 0 ? JSON.stringify(sessionOf(`lane-${index}`, index)) : null)
  await Promise.all(
    Array.from({ length: count }, (_, index) => store.write(snapshot(`lane-${index}`, index + 1, index, { session: session(index) }))),
  )
  const found = (await store.sessions()).map((text) => (JSON.parse(text) as Session).seq)
  expect(found.sort((left, right) => left - right)).toEqual(Array.from({ length: count / 3 }, (_, index) => index * 3))
})

describe('remove', () => {
  it('takes the lane out of reads and lists', async () => {
    await store.write(snapshot('a', 1))
    await store.write(snapshot('b', 2))
    await store.remove('a')
    expect(await store.lane('a')).toBeUndefined()
    expect((await list({ limit: 10 })).ids).toEqual(['b'])
    await store.remove('never-there')
    expect((await list({ limit: 10 })).ids).toEqual(['b'])
  })

  it('does not take out a lane that is created anew right behind it', async () => {
    await store.write(snapshot('a', 1, 0))
    for (let round = 1; round <= 20; round += 1) {
      await Promise.all([store.remove('a'), store.write(snapshot('a', round * 10 + 1, round))])
      expect(await store.lane('a')).toBe(JSON.stringify(laneOf('a', round * 10 + 1)))
      expect((await list({ limit: 10 })).ids).toEqual(['a'])
    }
  })
})

describe('lanes', () => {
  it('are listed newest first, page by page, each once', async () => {
    const names = Array.from({ length: 25 }, (_, index) => `lane-${String(index).padStart(2, '0')}`)
    await Promise.all(names.map((name, index) => store.write(snapshot(name, index + 1, index))))
    const newestFirst = [...names].reverse()
    expect((await list({ limit: 200 })).ids).toEqual(newestFirst)
    for (const limit of [1, 7, 24, 25, 26]) expect(await allPages(limit), `limit ${limit}`).toEqual(newestFirst)
    expect((await list({ limit: 25 })).nextCursor).toBeNull()
    expect((await list({ limit: 24 })).nextCursor).not.toBeNull()
  })

  it('stay the same on the pages ahead while lanes are created, changed and deleted', async () => {
    for (let index = 0; index < 10; index += 1) await store.write(snapshot(`old-${index}`, index + 1, index))
    const first = await list({ limit: 4 })
    expect(first.ids).toEqual(['old-9', 'old-8', 'old-7', 'old-6'])
    await store.write(snapshot('new', 100, 50))
    await store.write(snapshot('old-5', 101, 5))
    await store.remove('old-6')
    const second = await list({ limit: 4, cursor: first.nextCursor ?? '' })
    expect(second.ids).toEqual(['old-5', 'old-4', 'old-3', 'old-2'])
    const third = await list({ limit: 4, cursor: second.nextCursor ?? '' })
    expect([third.ids, third.nextCursor]).toEqual([['old-1', 'old-0'], null])
  })

  it('of the same moment are told apart by their id', async () => {
    for (const id of ['b', 'a', 'C', '0', 'a-b', 'a_b']) await store.write(snapshot(id, 1))
    const ids = await allPages(2)
    expect([...ids].sort()).toEqual(['0', 'C', 'a', 'a-b', 'a_b', 'b'])
    expect(new Set(ids).size).toBe(6)
  })

  it('more than one batch, narrowed: every match once and in order', async () => {
    const count = 450
    await Promise.all(
      Array.from({ length: count }, (_, index) => store.write(snapshot(`lane-${String(index).padStart(3, '0')}`, index + 1, index))),
    )
    const accepts = (text: string) => (JSON.parse(text) as { seq: number }).seq % 50 === 0
    const ids: string[] = []
    let cursor: string | undefined
    do {
      const page = await store.lanes({ limit: 2, cursor, accepts })
      ids.push(...idsOf(page.texts))
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined)
    expect(ids).toEqual(['lane-449', 'lane-399', 'lane-349', 'lane-299', 'lane-249', 'lane-199', 'lane-149', 'lane-099', 'lane-049'])
    expect((await store.lanes({ limit: 5, accepts: () => false })).texts).toEqual([])
  })

  it.each([
    '',
    'x',
    '2026-01-01T00:00:00.000Z',
    '2026-01-01T00:00:00.000Z|a b',
    '(2026-01-01T00:00:00.000Z|a',
    '2026-01-01T00:00:00.000Z|a\r\nFLUSHALL',
    '+|a',
    '-',
  ])('refuse the cursor %j', async (cursor) => {
    await expect(store.lanes({ limit: 1, cursor })).rejects.toMatchObject({ code: 'invalid_cursor' })
  })

  it('accept a cursor whose lane is gone, and one from before or after everything', async () => {
    await store.write(snapshot('a', 1, 10))
    expect((await list({ limit: 5, cursor: '2026-01-01T00:00:20.000Z|gone' })).ids).toEqual(['a'])
    expect((await list({ limit: 5, cursor: '2020-01-01T00:00:00.000Z|gone' })).ids).toEqual([])
  })
})

describe('prune and clear', () => {
  it('prune removes what is not kept, and clear everything', async () => {
    for (const id of ['a', 'b', 'c']) await store.write(snapshot(id, 1))
    await store.reset(7)
    await store.prune((laneId) => laneId === 'b')
    expect((await list({ limit: 10 })).ids).toEqual(['b'])
    expect(await store.lane('a')).toBeUndefined()
    expect(await store.checkpoint()).toBe(7)
    await store.clear()
    expect(await store.checkpoint()).toBeUndefined()
    expect((await list({ limit: 10 })).ids).toEqual([])
    expect(await redis.keys('*')).toEqual([])
  })

  it('a lane whose predecessor of the same id was never taken out is listed once', async () => {
    await store.write(snapshot('a', 1, 0))
    // Redis was away while the lane was deleted and created anew; this is what repairs it.
    await store.write(snapshot('a', 5, 30))
    await store.prune((laneId) => laneId === 'a')
    expect((await list({ limit: 10 })).ids).toEqual(['a'])
    expect(await members()).toHaveLength(1)
    expect(await store.lane('a')).toBe(JSON.stringify(laneOf('a', 5)))
  })

  it('does not remove a lane that appears while it runs', async () => {
    await Promise.all(Array.from({ length: 300 }, (_, index) => store.write(snapshot(`gone-${index}`, 1))))
    const known = new Set<string>()
    const pruning = store.prune((laneId) => known.has(laneId))
    for (let index = 0; index < 20; index += 1) {
      known.add(`new-${index}`)
      await store.write(snapshot(`new-${index}`, 2, 10))
    }
    await pruning
    expect((await list({ limit: 200 })).ids.sort()).toEqual([...known].sort())
  })
})

describe('while Redis is away', () => {
  const calls: [string, () => Promise<unknown>][] = [
    ['write', () => store.write(snapshot('a', 1))],
    ['remove', () => store.remove('a')],
    ['reset', () => store.reset(1)],
    ['advance', () => store.advance(0, 1)],
    ['checkpoint', () => store.checkpoint()],
    ['lane', () => store.lane('a')],
    ['session', () => store.session('a')],
    ['lanes', () => store.lanes({ limit: 1 })],
    ['sessions', () => store.sessions()],
    ['clear', () => store.clear()],
    ['prune', () => store.prune(() => true)],
  ]

  it('every call fails at once as store_unavailable, and works again after the restart, with what was stored', async () => {
    await store.write(snapshot('kept', 3))
    await server.kill('SIGKILL')
    await waitFor(() => !store.ready)
    for (const [name, call] of calls) {
      const started = performance.now()
      const error = await call().catch((problem: unknown) => problem)
      expect(error, name).toBeInstanceOf(BridgeError)
      expect((error as BridgeError).code, name).toBe('store_unavailable')
      expect(performance.now() - started, name).toBeLessThan(500)
    }
    await server.restart()
    await waitFor(() => store.ready, { timeoutMs: 5000 })
    expect(await store.lane('kept')).toBe(JSON.stringify(laneOf('kept', 3)))
    await store.reset(4)
    expect(await store.checkpoint()).toBe(4)
    expect(seen).toContain('down')
    expect(seen.at(-1)).toBe('up')
  })

  it('a Redis that hangs is given up after two seconds', async () => {
    await server.pause()
    try {
      const started = performance.now()
      await expect(store.lane('a')).rejects.toMatchObject({ code: 'store_unavailable' })
      expect(performance.now() - started).toBeLessThan(3500)
    } finally {
      await server.resume()
    }
    await waitFor(() => store.checkpoint().then(() => true))
  })
})
