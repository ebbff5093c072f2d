import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LaneWorktree } from '@codex-bridge/contracts'
import { TestRepository } from '@codex-bridge/testkit'
import { beforeEach, describe, expect, it } from 'vitest'
import { worktreeFixture } from './worktree-fixture.ts'

const fixture = worktreeFixture()
const { make, remove } = fixture
let repository: TestRepository
let folder: string
beforeEach(() => {
  ;({ folder, repository } = fixture)
})

describe('removing a worktree that holds work', () => {
  const losses: [string, string, (worktree: LaneWorktree) => void][] = [
    ['a changed file', 'uncommitted', ({ path }) => writeFileSync(join(path, 'file.txt'), 'changed\n')],
    ['a deleted file', 'uncommitted', ({ path }) => rmSync(join(path, 'file.txt'))],
    ['an untracked file', 'uncommitted', ({ path }) => writeFileSync(join(path, 'new.txt'), 'new\n')],
    [
      'an untracked file that the configuration hides',
      'uncommitted',
      ({ path }) => {
        repository.git('config', 'status.showUntrackedFiles', 'no')
        writeFileSync(join(path, 'new.txt'), 'new\n')
      },
    ],
    [
      'a staged file',
      'uncommitted',
      ({ path }) => {
        writeFileSync(join(path, 'new.txt'), 'new\n')
        repository.in(path, 'add', 'new.txt')
      },
    ],
    [
      'a change that git was told to ignore',
      'uncommitted',
      ({ path }) => {
        repository.in(path, 'update-index', '--assume-unchanged', 'file.txt')
        writeFileSync(join(path, 'file.txt'), 'changed\n')
      },
    ],
    [
      'a stash made on its branch',
      'stashed',
      ({ path }) => {
        writeFileSync(join(path, 'file.txt'), 'changed\n')
        repository.in(path, 'stash', '-q')
      },
    ],
    ['a lock', 'locked', ({ path }) => void repository.git('worktree', 'lock', '--reason', 'mine', path)],
    [
      'a rebase under way',
      'operation_under_way',
      ({ path }) => {
        repository.commit('one', { 'file.txt': 'one\n' }, path)
        repository.commit('other', { 'file.txt': 'two\n' })
        expect(() => repository.in(path, 'rebase', 'main')).toThrow()
      },
    ],
    ['a missing .git file', 'not_a_worktree', ({ path }) => rmSync(join(path, '.git'))],
    [
      'a .git with its own configuration',
      'not_a_worktree',
      ({ path }) => {
        rmSync(join(path, '.git'))
        repository.in(path, 'init', '-q')
        repository.in(path, 'config', 'core.fsmonitor', `touch ${folder}/escaped; false`)
        repository.in(path, 'config', 'filter.x.clean', `touch ${folder}/escaped; cat`)
        writeFileSync(join(path, '.gitattributes'), '* filter=x\n')
      },
    ],
    [
      'a submodule',
      'submodules',
      ({ path }) => {
        new TestRepository(join(folder, 'other'))
        repository.in(path, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', join(folder, 'other'), 'sub')
      },
    ],
    ['a missing repository', 'workspace_missing', () => rmSync(repository.root, { recursive: true })],
  ]
  it.each(losses)('is refused for %s', async (_what, code, happen) => {
    const worktree = await make('lane-a')
    happen(worktree)
    rmSync(join(folder, 'escaped'), { force: true })
    const before = readFileSync(join(worktree.path, 'folder/other.txt'), 'utf8')
    expect(await remove('lane-a', worktree)).toMatchObject({ removed: false, branchDeleted: false, reason: { code } })
    expect(readFileSync(join(worktree.path, 'folder/other.txt'), 'utf8')).toBe(before)
    expect(existsSync(join(folder, 'escaped'))).toBe(false)
  })

  it('is refused while a codex process works in it', async () => {
    const worktree = await make('lane-a')
    fixture.user = 'A codex process works in it'
    expect(await remove('lane-a', worktree)).toMatchObject({ removed: false, reason: { code: 'in_use', message: fixture.user } })
  })
})
