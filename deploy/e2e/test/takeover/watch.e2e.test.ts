import { rmSync } from 'node:fs'
import type { WatchStatus } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import { foreignTurn, startTakeover, type Takeover } from './takeover-fixture.ts'

let takeover: Takeover

beforeAll(async () => {
  takeover = await startTakeover()
})

afterAll(() => takeover.dispose())

const changes = async (laneId: string): Promise<string[]> => {
  const { found } = await takeover.tick()
  return found.find((finding) => finding.laneId === laneId)?.changes ?? []
}

/** Codex and the watcher compare times in whole seconds. */
const nextSecond = () => new Promise((resolve) => setTimeout(resolve, 1100))

describe('the watcher', () => {
  test('reports each change another program makes to a lane’s thread once', async () => {
    const cwd = takeover.workspace('watched')
    const threadId = await takeover.execThread(cwd)
    const attached = await takeover.attach({ laneId: 'watched', threadId })
    expect(attached).toMatchObject({ surface: 'cli', repoRoot: cwd, thread: { archived: false, missing: false, writer: null } })
    expect(await changes('watched')).toEqual([])

    const other = await takeover.foreign()
    await other.peer.call('thread/name/set', { threadId, name: 'Renamed elsewhere' })
    expect(await changes('watched')).toEqual(['renamed'])
    expect(await takeover.lane('watched')).toMatchObject({ title: 'Renamed elsewhere', surface: 'cli' })

    await other.peer.call('thread/resume', { threadId, excludeTurns: true })
    expect(await changes('watched')).toEqual(['writer_taken'])
    expect((await takeover.lane('watched')).thread?.writer).toMatchObject({ pid: other.pid, surface: 'unknown' })
    await nextSecond()
    await foreignTurn(other, threadId, 'more\n#say more')
    expect(await changes('watched')).toEqual(['activity'])

    await other.peer.request('thread/archive', { threadId })
    expect(await changes('watched')).toEqual(['archived', 'writer_freed'])
    await other.peer.request('thread/unarchive', { threadId })
    expect(await changes('watched')).toEqual(['unarchived'])

    rmSync(cwd, { recursive: true })
    expect(await changes('watched')).toEqual(['workspace_missing'])
    takeover.workspace('watched')
    expect(await changes('watched')).toEqual(['workspace_restored'])

    await other.peer.request('thread/delete', { threadId })
    expect(await changes('watched')).toEqual(['deleted'])
    expect(await changes('watched')).toEqual([])
    const told = (await takeover.events('watched')).filter(({ type }) => type === 'lane.thread.updated')
    expect(told.flatMap(({ payload }) => payload['changes'])).toEqual([
      'renamed',
      'writer_taken',
      'activity',
      'archived',
      'writer_freed',
      'unarchived',
      'workspace_missing',
      'workspace_restored',
      'deleted',
    ])
  })

  test('does not report what the lane itself does', async () => {
    const started = await takeover.startVisible({
      laneId: 'own',
      title: 'Own',
      repoRoot: takeover.workspace('own'),
      kickoffPrompt: 'x\n#say y',
    })
    expect(started.status, started.text).toBe(201)
    await takeover.until('own', 'lane.turn.completed')
    expect(await changes('own')).toEqual([])
    await takeover.http.post('/lanes/own/session/stop')
    await nextSecond()
    expect(await changes('own')).toEqual([])
  })

  test('stays on or off over a restart of its service', async () => {
    const status = () => takeover.http.get<WatchStatus>('/watch/status')
    const settles = (expected: Partial<WatchStatus>) =>
      waitFor(
        async () => {
          const { status: code, body } = await status()
          expect([code, body]).toEqual([200, expect.objectContaining(expected)])
          return true
        },
        { timeoutMs: SLOW_MS, intervalMs: 100, describe: JSON.stringify(expected) },
      )
    await settles({ running: false, intervalSec: 15 })
    expect((await takeover.http.post<WatchStatus>('/watch/start', { intervalSec: 1 })).body).toMatchObject({
      running: true,
      intervalSec: 1,
    })
    const before = (await status()).body.ticks
    await waitFor(async () => (await status()).body.ticks >= before + 2, { timeoutMs: SLOW_MS, describe: 'two ticks' })

    await takeover.bridge.kill('lane-registry')
    await settles({ running: true, intervalSec: 1 })
    expect((await takeover.http.post<WatchStatus>('/watch/stop', {})).body).toMatchObject({ running: false, intervalSec: 1 })
    await takeover.bridge.kill('lane-registry')
    await settles({ running: false, intervalSec: 1, ticks: 0 })
    expect(await takeover.tick()).toMatchObject({ running: false, ticks: 1 })
    expect((await takeover.http.post('/watch/start', { intervalSec: 0 })).status).toBe(400)
  })
})
