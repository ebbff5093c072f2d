import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { TestRepository } from '@codex-bridge/testkit'
import { beforeEach, describe, expect, it } from 'vitest'
import { refusalOf, worktreeFixture } from './worktree-fixture.ts'

const fixture = worktreeFixture()
const { plan, serviceOf } = fixture
let repository: TestRepository
let folder: string
beforeEach(() => {
  ;({ folder, repository } = fixture)
})

describe('the plan of a worktree', () => {
  it('names a new branch at HEAD and a folder after the lane, and changes nothing', async () => {
    expect(await plan('lane-a')).toEqual({
      path: join(folder, 'worktrees', 'lane-a'),
      branch: 'codex-bridge/lane-a',
      branchCreated: true,
      base: repository.git('rev-parse', 'HEAD').trim(),
    })
    expect(repository.branches()).toEqual(['main'])
    expect(existsSync(join(folder, 'worktrees'))).toBe(false)
  })

  it('takes an existing branch at its own commit', async () => {
    repository.git('branch', 'topic')
    repository.commit('second', { 'file.txt': 'second\n' })
    expect(await plan('lane-a', 'topic')).toMatchObject({ branchCreated: false, base: repository.git('rev-parse', 'topic').trim() })
  })

  it('may be relative to the repository', async () => {
    const service = await serviceOf({ where: '../beside' })
    expect(await plan('lane-a', null, service)).toMatchObject({ path: join(folder, 'beside', 'lane-a') })
  })

  it.each(['--upload-pack=touch x', '-b', '../..', 'a\nb', 'a b', 'a..b', 'x.lock', 'a/', '@{-1}', 'HEAD', 'a\u0000b', '.hidden', 'a~1'])(
    'refuses the branch %j',
    async (branch) => {
      expect(await refusalOf(plan('lane-a', branch))).toBe('validation_error')
    },
  )

  it('refuses a folder that is no repository, not the top of one, its data, or without a commit', async () => {
    const service = await serviceOf()
    const of = (repoRoot: string) => refusalOf(service.plan({ laneId: 'lane-a', repoRoot, branch: null }))
    mkdirSync(join(folder, 'plain'))
    expect(await of(join(folder, 'plain'))).toBe('not_a_repository')
    expect(await of(join(repository.root, 'folder'))).toBe('not_a_repository')
    expect(await of(join(repository.root, '.git'))).toBe('not_a_repository')
    expect(await of(join(folder, 'nowhere'))).toBe('workspace_missing')
    repository.in(join(folder, 'plain'), 'init', '-q')
    expect(await of(join(folder, 'plain'))).toBe('no_commit')
  })

  it('takes a bare repository', async () => {
    const bare = join(folder, 'bare.git')
    repository.git('clone', '-q', '--bare', '.', bare)
    expect(await (await serviceOf()).plan({ laneId: 'lane-a', repoRoot: bare, branch: null })).toMatchObject({ branchCreated: true })
  })

  it('refuses a branch that is checked out, or whose name conflicts with another branch', async () => {
    expect(await refusalOf(plan('lane-a', 'main'))).toBe('branch_in_use')
    repository.git('branch', 'codex-bridge')
    expect(await refusalOf(plan('lane-a'))).toBe('branch_in_the_way')
  })

  it('refuses an existing folder, even an empty one', async () => {
    mkdirSync(join(folder, 'worktrees', 'lane-a'), { recursive: true })
    expect(await refusalOf(plan('lane-a'))).toBe('path_taken')
  })

  it('refuses a folder outside the allowed roots, also through a link', async () => {
    mkdirSync(join(folder, 'outside'))
    symlinkSync(join(folder, 'outside'), join(repository.root, 'link'))
    const where = (path: string) =>
      serviceOf({ roots: repository.root, where: path }).then((service) => refusalOf(plan('lane-a', null, service)))
    expect(await where(join(folder, 'worktrees'))).toBe('workspace_forbidden')
    expect(await where('link')).toBe('workspace_forbidden')
    expect(await where('../beside')).toBe('workspace_forbidden')
    expect(await where('.worktrees')).toBe('nothing was refused')
  })

  it('reports a missing git', async () => {
    const path = process.env['PATH']
    process.env['PATH'] = join(folder, 'nothing-here')
    try {
      expect(await refusalOf(plan('lane-a'))).toBe('git_missing')
    } finally {
      process.env['PATH'] = path
    }
  })
})
