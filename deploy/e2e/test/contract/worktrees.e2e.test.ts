import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type {
  Approval,
  CleanupResult,
  EventEnvelope,
  Lane,
  StartVisibleResult,
  WatchStatus,
  WorktreeOutcome,
} from '@codex-bridge/contracts'
import { type TestRepository, waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import { type ContractFixture, startContractFixture } from './contract-fixture.ts'

let fixture: ContractFixture
beforeAll(async () => {
  fixture = await startContractFixture()
}, 120_000)
beforeEach(() => fixture.disturb())
afterAll(() => fixture?.dispose())

const COMMIT = 'git add -A && git -c user.name=c -c user.email=c@example.test commit -qm work'

const create = (laneId: string, repository: TestRepository, key = `create-${laneId}`) =>
  fixture.call<Lane>('POST', '/lanes', 201, {
    body: { laneId, repoRoot: repository.root, worktree: true },
    headers: { 'idempotency-key': key },
  })
const remove = (laneId: string) => fixture.call('DELETE', '/lanes/{laneId}', 204, { path: { laneId } })
const outcomeOf = async (laneId: string): Promise<WorktreeOutcome> =>
  (await fixture.untilEvent(laneId, 'lane.deleted')).payload['worktree'] as WorktreeOutcome

/** A turn of the real codex that writes a file and commits it, with a person's approval: the repository's data is not writable in its sandbox. */
const work = async (laneId: string, repository: TestRepository): Promise<StartVisibleResult> => {
  const started = await fixture.call<StartVisibleResult>('POST', '/codex/workflows/start-visible', 201, {
    body: { laneId, repoRoot: repository.root, worktree: true, kickoffPrompt: `#ask-run echo from codex > ${laneId}.txt && ${COMMIT}` },
  })
  await fixture.untilStatus(laneId, 'needs_approval')
  const { approvals } = await fixture.call<{ approvals: Approval[] }>('GET', '/lanes/{laneId}/approvals', 200, { path: { laneId } })
  const path = { laneId, approvalId: approvals.find(({ status }) => status === 'pending')?.approvalId ?? '' }
  await fixture.call('POST', '/lanes/{laneId}/approvals/{approvalId}/approve', 200, { path })
  await fixture.untilStatus(laneId, 'done')
  return started
}

describe('a lane with a worktree of its own', () => {
  it('shows it, has it checked out, and answers a retry alike', async () => {
    const repository = fixture.repository('shown')
    const lane = await create('shown', repository)
    const path = fixture.worktree('shown')
    expect(lane).toMatchObject({
      status: 'idle',
      repoRoot: repository.root,
      worktreePath: path,
      branch: 'codex-bridge/shown',
      worktree: {
        path,
        branch: 'codex-bridge/shown',
        branchCreated: true,
        base: repository.git('rev-parse', 'HEAD').trim(),
        state: 'ready',
      },
    })
    expect(repository.in(path, 'status', '--porcelain', '--branch')).toBe('## codex-bridge/shown\n')
    expect(await create('shown', repository)).toEqual(lane)
    expect((await fixture.events('shown')).map(({ type }) => type)).toEqual(['lane.created', 'lane.updated'])
    await remove('shown')
    expect(await outcomeOf('shown')).toMatchObject({ path, removed: true, branchDeleted: true, reason: null })
    expect(existsSync(path)).toBe(false)
    expect(repository.branches()).toEqual(['main'])
  })

  it('deleted before its commit is merged keeps it and says why; the folder stays taken', async () => {
    const repository = fixture.repository('unmerged')
    const { lane, thread } = await work('unmerged', repository)
    expect(thread.cwd).toBe(lane.worktreePath)
    const path = fixture.worktree('unmerged')
    await remove('unmerged')
    expect(await outcomeOf('unmerged')).toMatchObject({
      path,
      branch: 'codex-bridge/unmerged',
      removed: false,
      reason: { code: 'unmerged', details: { commits: 1 } },
      branchDeleted: false,
    })
    expect(readFileSync(join(path, 'unmerged.txt'), 'utf8')).toContain('from codex')
    expect(repository.branches()).toContain('codex-bridge/unmerged')
    const body = { laneId: 'unmerged', repoRoot: repository.root, worktree: true }
    const refused = await fixture.call('POST', '/lanes', 409, { body })
    expect(refused).toMatchObject({ error: 'worktree_blocked', details: { reason: 'branch_in_use', path } })
    await fixture.call('GET', '/lanes/{laneId}', 404, { path: { laneId: 'unmerged' } })
  })

  it('deleted after the merge takes worktree and branch with it; cleanup tells of each lane', async () => {
    const repository = fixture.repository('merged')
    await Promise.all([work('merged', repository), work('open', repository)])
    repository.git('merge', '-q', '--no-edit', 'codex-bridge/merged')
    const path = { laneId: 'merged' }
    await fixture.call('POST', '/lanes/{laneId}/session/stop', 200, { path })
    await fixture.call('POST', '/lanes/{laneId}/session/stop', 200, { path: { laneId: 'open' } })
    const body = { statuses: ['done'], olderThanHours: 0, dryRun: false }
    const { lanes } = await fixture.call<CleanupResult>('POST', '/lanes/cleanup', 200, { body })
    const of = (laneId: string) => lanes.find((lane) => lane.laneId === laneId)
    expect(of('merged')).toMatchObject({ action: 'deleted', worktree: { removed: true, branchDeleted: true } })
    expect(of('open')).toMatchObject({ action: 'deleted', worktree: { removed: false, reason: { code: 'unmerged' } } })
    expect(repository.worktrees()).toEqual([repository.root, fixture.worktree('open')])
    expect(repository.branches()).toEqual(['codex-bridge/open', 'main'])
    expect(readFileSync(join(repository.root, 'merged.txt'), 'utf8')).toContain('from codex')
  })

  it('is kept while another codex works in it', async () => {
    const repository = fixture.repository('busy')
    const { worktreePath } = await create('busy', repository)
    const before = fixture.model.requests.length
    const exec = await fixture.exec('#sleep 60000', worktreePath ?? '')
    await waitFor(() => fixture.model.requests.length > before, { timeoutMs: SLOW_MS })
    await remove('busy')
    expect(await outcomeOf('busy')).toMatchObject({ removed: false, reason: { code: 'in_use' } })
    await exec.stop()
  })

  it('never touches a worktree that a person named', async () => {
    const repository = fixture.repository('named')
    const path = join(fixture.workspace('named'), 'mine')
    repository.git('worktree', 'add', '-q', '-b', 'mine', path)
    const body = { laneId: 'named', repoRoot: repository.root, worktreePath: path, branch: 'mine' }
    expect(await fixture.call<Lane>('POST', '/lanes', 201, { body })).toMatchObject({ worktreePath: path, worktree: null })
    await remove('named')
    expect((await fixture.untilEvent('named', 'lane.deleted')).payload).not.toHaveProperty('worktree')
    expect(repository.worktrees()).toContain(path)
  })

  it('whose folder a person removed: the watcher tells, a session does not start, and the deletion tidies up', async () => {
    const repository = fixture.repository('gone')
    await work('gone', repository)
    repository.git('merge', '-q', '--no-edit', 'codex-bridge/gone')
    const path = { laneId: 'gone' }
    await fixture.call('POST', '/lanes/{laneId}/session/stop', 200, { path })
    rmSync(fixture.worktree('gone'), { recursive: true })
    const { found } = await fixture.call<WatchStatus>('POST', '/watch/tick', 200)
    expect(found.find(({ laneId }) => laneId === 'gone')?.changes).toContain('workspace_missing')
    const refused = await fixture.call('POST', '/lanes/{laneId}/session/start', 409, { path })
    expect(refused).toMatchObject({ error: 'readiness_blocked', details: { reason: 'workspace_missing' } })
    await remove('gone')
    expect(await outcomeOf('gone')).toMatchObject({ removed: true, branchDeleted: true })
    expect(repository.worktrees()).toEqual([repository.root])
  })
})

describe('refusals leave nothing behind', () => {
  const refused = async (status: 400 | 409, body: object): Promise<Record<string, unknown>> => {
    const answer = await fixture.call('POST', '/lanes', status, { body: { laneId: 'refused', worktree: true, ...body } })
    await fixture.call('GET', '/lanes/{laneId}', 404, { path: { laneId: 'refused' } })
    return answer
  }

  let hostile: TestRepository
  beforeAll(() => {
    hostile = fixture.repository('hostile')
  })
  it.each(['--upload-pack=touch /tmp/x', '../..', 'a\nb', 'a\u0000b', '-d', 'x..y'])('branch %j is 400', async (branch) => {
    expect(await refused(400, { repoRoot: hostile.root, branch })).toMatchObject({
      error: 'validation_error',
      details: [{ path: '/branch' }],
    })
  })

  it('without a repository, or with what excludes it, is 400', async () => {
    const { root: repoRoot } = fixture.repository('needs')
    expect(await refused(400, {})).toMatchObject({ error: 'validation_error', details: [{ path: '/repoRoot' }] })
    expect(await refused(400, { repoRoot, worktreePath: '/tmp/x' })).toMatchObject({ details: [{ path: '/worktreePath' }] })
    expect(await refused(400, { repoRoot, threadId: 'thread' })).toMatchObject({ details: [{ path: '/worktree' }] })
    expect(await refused(400, { repoRoot: '../..' })).toMatchObject({ error: 'validation_error' })
    await fixture.call('POST', '/lanes/attach', 400, { body: { laneId: 'refused', threadId: 'thread', worktree: true } })
  })

  it('of a folder that is no repository is 409', async () => {
    const answer = await refused(409, { repoRoot: fixture.workspace('plain') })
    expect(answer).toMatchObject({ error: 'worktree_blocked', details: { reason: 'not_a_repository', offers: expect.any(Array) } })
  })

  it('of a branch that is checked out elsewhere is 409', async () => {
    const { root } = fixture.repository('conflict')
    expect(await refused(409, { repoRoot: root, branch: 'main' })).toMatchObject({ details: { reason: 'branch_in_use', path: root } })
  })
})

describe('killed in the middle of making it', () => {
  /** A repository whose checkout waits while there is a gate. */
  const gated = (name: string) => {
    const repository = fixture.repository(name)
    const [busy, gate] = [join(fixture.workspace(name), 'busy'), join(fixture.workspace(name), 'gate')]
    repository.git('config', 'filter.slow.smudge', `sh -c 'touch ${busy}; while [ -e ${gate} ]; do sleep 0.05; done; cat'`)
    repository.commit('slow', { '.gitattributes': 'slow.txt filter=slow\n', 'slow.txt': 'slow\n' })
    writeFileSync(gate, '')
    return { repository, untilBusy: () => waitFor(() => existsSync(busy), { timeoutMs: SLOW_MS }), open: () => rmSync(gate) }
  }
  const whole = (laneId: string, repository: TestRepository) => {
    expect(repository.in(fixture.worktree(laneId), 'status', '--porcelain', '--branch')).toBe(`## codex-bridge/${laneId}\n`)
    expect(repository.worktrees()).toEqual([repository.root, fixture.worktree(laneId)])
    expect(existsSync(join(repository.data(laneId), 'locked'))).toBe(false)
  }
  const typesOf = async (laneId: string) => (await fixture.events(laneId)).map(({ type }: EventEnvelope) => type)

  it('the runner is made up for by its successor, under the same request', async () => {
    const { repository, untilBusy, open } = gated('killed')
    const first = create('killed', repository)
    await untilBusy()
    expect((await fixture.call<Lane>('GET', '/lanes/{laneId}', 200, { path: { laneId: 'killed' } })).worktree?.state).toBe('requested')
    await fixture.kill('session-runner')
    open()
    expect((await first).worktree?.state).toBe('ready')
    whole('killed', repository)
    expect((await create('killed', repository)).worktree?.state).toBe('ready')
    expect(await typesOf('killed')).toEqual(['lane.created', 'lane.updated'])
  })

  it('runner and registry both: the retry with the same key finds lane and worktree', async () => {
    const { repository, untilBusy, open } = gated('both')
    const first = create('both', repository).catch(() => undefined)
    await untilBusy()
    await Promise.all([fixture.kill('lane-registry'), fixture.kill('session-runner')])
    open()
    await first
    const again = await waitFor(() => create('both', repository), { timeoutMs: SLOW_MS, intervalMs: 200 })
    expect(again.worktree?.state).toBe('ready')
    whole('both', repository)
    expect(await typesOf('both')).toEqual(['lane.created', 'lane.updated'])
    await remove('both')
    expect(await outcomeOf('both')).toMatchObject({ removed: true, branchDeleted: true })
  })
})
