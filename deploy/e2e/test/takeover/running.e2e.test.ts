import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { ErrorBody, RunningCodex, StartVisibleResult } from '@codex-bridge/contracts'
import { createTempDir, waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import { startTakeover, type Takeover } from './takeover-fixture.ts'

let takeover: Takeover

const running = async (): Promise<RunningCodex> => {
  const answer = await takeover.http.get<RunningCodex>('/codex/running')
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}

const startLane = async (laneId: string): Promise<StartVisibleResult> => {
  const repoRoot = takeover.workspace(laneId)
  const started = await takeover.startVisible<StartVisibleResult>({ laneId, repoRoot, kickoffPrompt: 'x\n#say y' })
  expect(started.status, started.text).toBe(201)
  await takeover.until(laneId, 'lane.turn.completed')
  return started.body
}

describe.runIf(process.platform === 'linux')('where processes can be seen', () => {
  beforeAll(async () => {
    takeover = await startTakeover()
  })

  afterAll(() => takeover.dispose())

  test('codex exec, another app-server and those of lanes are listed with their threads', async () => {
    const { thread, session } = await startLane('own')
    const other = await takeover.foreign({ VSCODE_PID: '1' })
    const exec = await takeover.exec('x\n#sleep 20000\n#say y', takeover.workspace('exec'))
    const seen = await waitFor(
      async () => {
        const now = await running()
        return now.threads.some(({ threadId }) => threadId === exec.threadId) && now
      },
      { timeoutMs: SLOW_MS, describe: 'the thread of codex exec' },
    )
    expect(seen).toMatchObject({ mode: 'processes', reason: null })
    const here = seen.processes.filter(({ codexHome }) => codexHome === takeover.codexHome)
    const process = (pid: number | null | undefined) => here.find((one) => one.pid === pid)
    expect(process(exec.process.pid)).toMatchObject({ kind: 'exec', surface: 'cli', own: false, cwd: takeover.workspace('exec') })
    expect(process(other.pid)).toMatchObject({ kind: 'app-server', surface: 'vscode', own: false })
    expect(process(session.pid)).toMatchObject({ kind: 'app-server', surface: 'bridge', own: true })
    expect(Math.abs(Date.parse(process(exec.process.pid)?.startedAt ?? '') - Date.now())).toBeLessThan(60_000)
    const held = (threadId: string) => seen.threads.find((one) => one.threadId === threadId)
    expect(held(exec.threadId)).toEqual({ threadId: exec.threadId, pid: exec.process.pid, surface: 'cli', laneId: null })
    expect(held(thread.id)).toEqual({ threadId: thread.id, pid: session.pid, surface: 'bridge', laneId: 'own' })

    exec.process.kill('SIGKILL')
    await exec.over
    const after = await running()
    expect(after.processes.some(({ pid }) => pid === exec.process.pid)).toBe(false)
    expect(after.threads.some(({ threadId }) => threadId === exec.threadId)).toBe(false)
  })
})

describe('without a view of processes, and with allowed roots', () => {
  const folders = createTempDir('bridge-roots-')

  beforeAll(async () => {
    mkdirSync(join(folders.path, 'outside'))
    mkdirSync(join(folders.path, 'allowed'))
    symlinkSync(join(folders.path, 'outside'), join(folders.path, 'allowed', 'escape'))
    takeover = await startTakeover({
      BRIDGE_PROCESS_VIEW: 'off',
      BRIDGE_ALLOWED_ROOTS: `${folders.path}/allowed,/tmp/bridge-takeover-none`,
    })
  })

  afterAll(async () => {
    await takeover.dispose()
    folders.cleanup()
  })

  test('running threads are inferred from lanes and recent activity, and the answer says so', async () => {
    const repoRoot = join(folders.path, 'allowed')
    const started = await takeover.startVisible<StartVisibleResult>({ laneId: 'own', repoRoot, kickoffPrompt: 'x\n#say y' })
    expect(started.status, started.text).toBe(201)
    await takeover.until('own', 'lane.turn.completed')
    const threadId = await takeover.execThread(repoRoot)
    const inferred = await running()
    expect(inferred).toMatchObject({ mode: 'inferred', processes: [], reason: expect.stringContaining('BRIDGE_PROCESS_VIEW') })
    expect(inferred.threads).toContainEqual(expect.objectContaining({ threadId, pid: null, surface: 'cli', laneId: null }))
    expect(inferred.threads).toContainEqual({
      threadId: started.body.thread.id,
      pid: started.body.session.pid,
      surface: 'bridge',
      laneId: 'own',
    })
    expect(inferred.threads).toHaveLength(2)
  })

  test.each([
    ['outside', 'workspace_forbidden'],
    ['allowed/escape', 'workspace_forbidden'],
    ['allowed/nowhere', 'workspace_missing'],
  ])('a lane in %s is refused: %s', async (name, reason) => {
    const laneId = `lane-${name.replace('/', '-')}`
    const refused = await takeover.startVisible<ErrorBody & { details: { reason: string } }>({ laneId, repoRoot: join(folders.path, name) })
    expect([refused.status, refused.body.error, refused.body.details.reason]).toEqual([409, 'readiness_blocked', reason])
    expect(await takeover.lane(laneId)).toMatchObject({ status: 'blocked', blockedReason: { code: reason } })
  })

  test('a thread outside the allowed roots cannot be taken over, even if the lane names no folder', async () => {
    const threadId = await takeover.execThread(join(folders.path, 'outside'))
    const created = await takeover.http.post('/lanes', { laneId: 'bare', threadId })
    expect(created.status, created.text).toBe(201)
    const refused = await takeover.http.post<ErrorBody & { details: { reason: string } }>('/lanes/bare/session/start')
    expect([refused.status, refused.body.details?.reason]).toEqual([409, 'workspace_forbidden'])
  })
})
