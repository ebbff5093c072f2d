import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LaneState, LaneWorktree } from '@codex-bridge/contracts'
import type { TestRepository } from '@codex-bridge/testkit'
import { beforeEach, describe, expect, it } from 'vitest'
import { refusalOf, worktreeFixture } from './worktree-fixture.ts'

const fixture = worktreeFixture()
const { make, remove, request, serviceOf } = fixture
let repository: TestRepository
let folder: string
beforeEach(() => {
  ;({ folder, repository } = fixture)
})

describe('removing a worktree', () => {
  it('removes worktree and branch if nothing was done; a repetition answers the same', async () => {
    const worktree = await make('lane-a')
    const gone = { path: worktree.path, branch: worktree.branch, removed: true, reason: null, branchDeleted: true, branchReason: null }
    expect(await remove('lane-a', worktree)).toEqual(gone)
    expect(repository.worktrees()).toEqual([repository.root])
    expect(repository.branches()).toEqual(['main'])
    expect(existsSync(worktree.path)).toBe(false)
    expect(await remove('lane-a', worktree, 'removing')).toEqual(gone)
  })

  it('keeps unmerged commits until they are merged', async () => {
    const worktree = await make('lane-a')
    repository.commit('work', { 'work.txt': 'work\n' }, worktree.path)
    expect(await remove('lane-a', worktree)).toMatchObject({
      removed: false,
      branchDeleted: false,
      reason: { code: 'unmerged', details: { commits: 1, branch: worktree.branch } },
    })
    repository.git('merge', '-q', '--no-edit', worktree.branch)
    expect(await remove('lane-a', worktree, 'removing')).toMatchObject({ removed: true, branchDeleted: true })
  })

  it('removes it if a remote has the commits; the branch stays if git does not count it as merged', async () => {
    const remote = join(folder, 'remote.git')
    repository.git('clone', '-q', '--bare', '.', remote)
    repository.git('remote', 'add', 'origin', remote)
    const worktree = await make('lane-a')
    repository.commit('work', { 'work.txt': 'work\n' }, worktree.path)
    repository.in(worktree.path, 'push', '-q', 'origin', 'HEAD')
    expect(await remove('lane-a', worktree)).toMatchObject({
      removed: true,
      branchDeleted: false,
      branchReason: expect.stringContaining('not fully merged'),
    })
    expect(repository.branches()).toContain(worktree.branch)
  })

  it('counts the commits of a detached HEAD, and not those of the branch itself', async () => {
    const worktree = await make('lane-a')
    repository.in(worktree.path, 'checkout', '-q', '--detach')
    repository.commit('loose', { 'loose.txt': 'loose\n' }, worktree.path)
    expect((await remove('lane-a', worktree)).reason?.code).toBe('unmerged')
  })

  it('keeps a branch that existed before, merged or not', async () => {
    repository.git('branch', 'topic')
    const worktree = await make('lane-a', 'topic')
    expect(await remove('lane-a', worktree)).toMatchObject({ removed: true, branchDeleted: false, branchReason: null })
    expect(repository.branches()).toEqual(['main', 'topic'])
  })

  it('removes ignored files with it', async () => {
    repository.commit('ignore', { '.gitignore': 'built/\n' })
    const worktree = await make('lane-a')
    mkdirSync(join(worktree.path, 'built'))
    writeFileSync(join(worktree.path, 'built', 'out.txt'), 'out')
    expect((await remove('lane-a', worktree)).removed).toBe(true)
  })

  it('counts a worktree whose folder a person removed as gone', async () => {
    const worktree = await make('lane-a')
    rmSync(worktree.path, { recursive: true })
    expect(await remove('lane-a', worktree)).toMatchObject({ removed: true, branchDeleted: true })
    expect(repository.worktrees()).toEqual([repository.root])
    const emptied = await make('lane-b')
    for (const name of readdirSync(emptied.path)) rmSync(join(emptied.path, name), { recursive: true })
    expect(await remove('lane-b', emptied)).toMatchObject({ removed: true, branchDeleted: true })
    expect(existsSync(emptied.path)).toBe(false)
  })

  const cutOff = (worktree: LaneWorktree) => {
    writeFileSync(join(repository.data('lane-a'), 'codex-bridge.removing'), '')
    rmSync(join(worktree.path, 'folder'), { recursive: true, force: true })
    rmSync(join(worktree.path, '.git'))
  }

  it('that was cut off is completed; files missing for another reason keep the worktree', async () => {
    const worktree = await make('lane-a')
    rmSync(join(worktree.path, 'folder'), { recursive: true })
    expect((await remove('lane-a', worktree, 'removing')).reason?.code).toBe('uncommitted')
    cutOff(worktree)
    expect(await remove('lane-a', worktree, 'removing')).toMatchObject({ removed: true, branchDeleted: true })
    expect(repository.worktrees()).toEqual([repository.root])
  })

  it('that was cut off keeps the worktree if its folder is used again', async () => {
    const worktree = await make('lane-a')
    cutOff(worktree)
    writeFileSync(join(worktree.path, 'new.txt'), 'new\n')
    expect((await remove('lane-a', worktree, 'removing')).reason?.code).toBe('uncommitted')
    expect(readFileSync(join(worktree.path, 'new.txt'), 'utf8')).toBe('new\n')
  })

  it('that was begun is forgotten when the lane starts again', async () => {
    const worktree = await make('lane-a')
    writeFileSync(join(repository.data('lane-a'), 'codex-bridge.removing'), '')
    await (await serviceOf()).create(request('lane-a', { ...worktree, state: 'removing' }))
    rmSync(join(worktree.path, 'folder'), { recursive: true })
    expect((await remove('lane-a', worktree)).reason?.code).toBe('uncommitted')
  })

  it('loses no commit when two lanes with the same unmerged commit are removed at once', async () => {
    const [one, two] = [await make('lane-a'), await make('lane-b')]
    const commit = repository.commit('work', { 'work.txt': 'work\n' }, one.path)
    repository.in(two.path, 'reset', '-q', '--hard', commit)
    const outcomes = await Promise.all([remove('lane-a', one), remove('lane-b', two)])
    expect(outcomes.every(({ branchDeleted }) => !branchDeleted)).toBe(true)
    expect(repository.git('branch', '--contains', commit)).toMatch(/codex-bridge\/lane-[ab]/)
  })

  it('is refused for a request older than the lane', async () => {
    const worktree = await make('lane-a')
    const asked = request('lane-a', worktree)
    fixture.lanes.set('lane-a', { ...(fixture.lanes.get('lane-a') as LaneState), incarnation: 'evt_2' })
    expect(await refusalOf((await serviceOf()).remove(asked))).toBe('conflict')
    expect(existsSync(worktree.path)).toBe(true)
  })
})
