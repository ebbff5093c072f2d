import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LaneState, LaneWorktree } from '@codex-bridge/contracts'
import { type TestRepository, waitFor } from '@codex-bridge/testkit'
import { beforeEach, describe, expect, it } from 'vitest'
import { markOf } from '../src/workspace/worktree-creator.ts'
import { INCARNATION, refusalOf, worktreeFixture } from './worktree-fixture.ts'

const fixture = worktreeFixture()
const { make, plan, remove, request, serviceOf } = fixture
let repository: TestRepository
let folder: string
beforeEach(() => {
  ;({ folder, repository } = fixture)
})

describe('creating a worktree', () => {
  it('checks the branch out, unlocked and clean; a repetition changes nothing', async () => {
    const worktree = await make('lane-a')
    expect(readFileSync(join(worktree.path, 'folder/other.txt'), 'utf8')).toBe('other\n')
    expect(repository.in(worktree.path, 'status', '--porcelain', '--branch')).toBe('## codex-bridge/lane-a\n')
    expect(existsSync(join(repository.data('lane-a'), 'locked'))).toBe(false)
    writeFileSync(join(worktree.path, 'file.txt'), 'work\n')
    await (await serviceOf()).create(request('lane-a', { ...worktree, state: 'requested' }))
    expect(readFileSync(join(worktree.path, 'file.txt'), 'utf8')).toBe('work\n')
  })

  it('runs no hook of the repository and ignores variables that point git elsewhere', async () => {
    for (const hook of ['post-checkout', 'reference-transaction', 'post-index-change']) {
      writeFileSync(join(repository.root, '.git', 'hooks', hook), `#!/bin/sh\ntouch ${folder}/hook-ran\n`, { mode: 0o755 })
    }
    repository.git('config', 'core.fsmonitor', `touch ${folder}/hook-ran; false`)
    process.env['GIT_DIR'] = join(folder, 'elsewhere')
    try {
      const worktree = await make('lane-a')
      expect((await remove('lane-a', worktree)).removed).toBe(true)
    } finally {
      delete process.env['GIT_DIR']
    }
    expect(existsSync(join(folder, 'hook-ran'))).toBe(false)
  })

  it('happens once when two runners are asked at the same time', async () => {
    const worktree: LaneWorktree = { ...(await plan('lane-a')), state: 'requested' }
    const [one, two] = await Promise.all([serviceOf({ instance: 'one' }), serviceOf({ instance: 'two' })])
    const asked = request('lane-a', worktree)
    await Promise.all([one.create(asked), two.create(asked), one.create(asked)])
    expect(repository.worktrees()).toEqual([repository.root, worktree.path])
    expect(repository.in(worktree.path, 'status', '--porcelain')).toBe('')
  })

  it('is refused when the lane no longer asks for it', async () => {
    const asked = request('lane-a', { ...(await plan('lane-a')), state: 'requested' })
    fixture.lanes.set('lane-a', { ...(fixture.lanes.get('lane-a') as LaneState), deleted: true })
    expect(await refusalOf((await serviceOf()).create(asked))).toBe('conflict')
    expect(repository.branches()).toEqual(['main'])
  })

  it('is refused when the branch was meanwhile created at another commit', async () => {
    const worktree: LaneWorktree = { ...(await plan('lane-a')), state: 'requested' }
    repository.commit('second', { 'file.txt': 'second\n' })
    repository.git('branch', worktree.branch)
    expect(await refusalOf((await serviceOf()).create(request('lane-a', worktree)))).toBe('branch_in_use')
  })
})

describe('creating a worktree, cut off', () => {
  const asked = async () => request('lane-a', { ...(await plan('lane-a')), state: 'requested' as const })
  const add = ({ worktree }: { worktree: LaneWorktree }) => {
    const mark = markOf({ laneId: 'lane-a', incarnation: INCARNATION })
    mkdirSync(join(folder, 'worktrees'), { recursive: true })
    repository.git(
      'worktree',
      'add',
      '-q',
      '--no-checkout',
      '--lock',
      '--reason',
      mark,
      '-b',
      worktree.branch,
      worktree.path,
      worktree.base,
    )
  }
  const expectWhole = (worktree: LaneWorktree) => {
    expect(repository.in(worktree.path, 'status', '--porcelain', '--branch')).toBe(`## ${worktree.branch}\n`)
    expect(repository.worktrees()).toEqual([repository.root, worktree.path])
    expect(existsSync(join(repository.data('lane-a'), 'locked'))).toBe(false)
  }

  const cuts: [string, (request: Awaited<ReturnType<typeof asked>>) => void][] = [
    ['after the branch', ({ worktree }) => void repository.git('branch', worktree.branch, worktree.base)],
    ['before any file', add],
    [
      'in the middle of the files, with the index locked',
      (request) => {
        add(request)
        repository.in(request.worktree.path, 'checkout', 'HEAD', '--', 'folder')
        writeFileSync(join(repository.data('lane-a'), 'index.lock'), '')
      },
    ],
    [
      'before HEAD had a branch',
      (request) => {
        add(request)
        writeFileSync(join(repository.data('lane-a'), 'HEAD'), `${'0'.repeat(40)}\n`)
      },
    ],
    [
      'before the folder had its .git',
      (request) => {
        add(request)
        rmSync(join(request.worktree.path, '.git'))
        for (const file of ['HEAD', 'commondir', 'index']) rmSync(join(repository.data('lane-a'), file), { force: true })
      },
    ],
    [
      'before its data named the folder',
      (request) => {
        add(request)
        rmSync(request.worktree.path, { recursive: true })
        for (const file of ['HEAD', 'commondir', 'index', 'gitdir']) rmSync(join(repository.data('lane-a'), file), { force: true })
      },
    ],
  ]

  it.each(cuts)('%s is completed by a repetition', async (_when, cut) => {
    const again = await asked()
    cut(again)
    await (await serviceOf()).create(again)
    expectWhole(again.worktree)
  })

  it.each(cuts)('%s leaves nothing when the lane is deleted', async (_when, cut) => {
    const { worktree } = await asked()
    cut({ ...request('lane-a', worktree) } as Awaited<ReturnType<typeof asked>>)
    expect(await remove('lane-a', worktree)).toMatchObject({ removed: true, branchDeleted: true })
    expect(repository.worktrees()).toEqual([repository.root])
    expect(repository.branches()).toEqual(['main'])
    expect(existsSync(worktree.path)).toBe(false)
  })

  it('never removes a folder that a person put there', async () => {
    const again = await asked()
    mkdirSync(again.worktree.path, { recursive: true })
    writeFileSync(join(again.worktree.path, 'mine'), 'mine')
    expect(await refusalOf((await serviceOf()).create(again))).toBe('path_taken')
    expect(await remove('lane-a', again.worktree)).toMatchObject({ removed: false, reason: { code: 'not_a_worktree' } })
    expect(readFileSync(join(again.worktree.path, 'mine'), 'utf8')).toBe('mine')
  })

  it('by its deadline continues where it stopped', async () => {
    repository.git('config', 'filter.slow.smudge', `sh -c 'touch ${folder}/busy; while [ -e ${folder}/gate ]; do sleep 0.02; done; cat'`)
    repository.commit('filtered', { '.gitattributes': 'slow.txt filter=slow\n', 'slow.txt': 'slow\n' })
    writeFileSync(join(folder, 'gate'), '')
    const again = await asked()
    const outcome = refusalOf((await serviceOf({ timeoutMs: 1500 })).create(again))
    await waitFor(() => existsSync(join(folder, 'busy')))
    expect(await outcome).toBe('git_timeout')
    rmSync(join(folder, 'gate'))
    await (await serviceOf()).create(again)
    expectWhole(again.worktree)
    expect(readFileSync(join(again.worktree.path, 'slow.txt'), 'utf8')).toBe('slow\n')
  })
})
