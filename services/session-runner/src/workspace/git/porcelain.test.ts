import { describe, expect, it } from 'vitest'
import { hiddenFiles, judgeBranch, parseStatus, parseWorktrees, refPatterns, stashesOf } from './porcelain.ts'

const z = (...lines: string[]) => lines.map((line) => `${line}\0`).join('')

describe('parseWorktrees', () => {
  it('reads branch, lock and missing folder, also for paths with line breaks', () => {
    const output = [
      z('worktree /srv/app', 'HEAD aaa', 'branch refs/heads/main'),
      z('worktree /srv/two\nlines', 'HEAD bbb', 'detached', 'locked'),
      z('worktree /srv/gone', 'HEAD ccc', 'branch refs/heads/a/b', 'prunable gitdir file points to non-existent location'),
      z('worktree /srv/held', 'HEAD ddd', 'branch refs/heads/c', 'locked because of this'),
    ].join('\0')
    expect(parseWorktrees(`${output}\0`)).toEqual([
      { path: '/srv/app', head: 'aaa', branch: 'main', locked: null, prunable: false },
      { path: '/srv/two\nlines', head: 'bbb', branch: null, locked: '', prunable: false },
      { path: '/srv/gone', head: 'ccc', branch: 'a/b', locked: null, prunable: true },
      { path: '/srv/held', head: 'ddd', branch: 'c', locked: 'because of this', prunable: false },
    ])
  })

  it('reads the entry of a bare repository, which has no commit', () => {
    expect(parseWorktrees(`${z('worktree /srv/app.git', 'bare')}\0`)).toEqual([
      { path: '/srv/app.git', head: null, branch: null, locked: null, prunable: false },
    ])
  })
})

describe('parseStatus', () => {
  it('is empty for a clean worktree', () => {
    expect(parseStatus('')).toEqual({ changed: [], untracked: [], onlyMissing: false })
  })

  it('separates changes from untracked files', () => {
    expect(parseStatus(z(' M a', 'A  b', '?? c d', ' D e'))).toEqual({ changed: ['a', 'b', 'e'], untracked: ['c d'], onlyMissing: false })
  })

  it('recognises files that are only missing; a staged deletion is a change', () => {
    expect(parseStatus(z(' D a', ' D b')).onlyMissing).toBe(true)
    expect(parseStatus(z(' D a', 'D  b')).onlyMissing).toBe(false)
    expect(parseStatus(z(' D a', '?? b')).onlyMissing).toBe(false)
  })
})

it('hiddenFiles finds files that git was told to ignore, but not those that a sparse checkout left out', () => {
  const output = z('H seen', 'h assumed', 'S sparse', 'S present', 's both')
  expect(hiddenFiles(output, (path) => path === 'present')).toEqual(['assumed', 'present', 'both'])
})

it('stashesOf compares the whole branch name', () => {
  const output = z('WIP on a/b: 123 x', 'On a/b: mine', 'WIP on a/bc: 123 x', 'WIP on (no branch): 1 y', 'On c: a/b:')
  expect(stashesOf(output, ['a/b'])).toEqual(['WIP on a/b: 123 x', 'On a/b: mine'])
})

describe('refPatterns and judgeBranch', () => {
  it('match a branch and everything that conflicts with it', () => {
    expect(refPatterns('a/b/c')).toEqual(['refs/heads/a', 'refs/heads/a/b', 'refs/heads/a/b/c'])
  })

  it('find the branch, or a branch that makes it impossible', () => {
    expect(judgeBranch('a/b', ['refs/heads/a/b', 'refs/heads/a/c'])).toEqual({ exists: true, inTheWay: null })
    expect(judgeBranch('a/b', ['refs/heads/a/c'])).toEqual({ exists: false, inTheWay: null })
    expect(judgeBranch('a/b', ['refs/heads/a'])).toEqual({ exists: false, inTheWay: 'a' })
    expect(judgeBranch('a/b', ['refs/heads/a/b/c'])).toEqual({ exists: false, inTheWay: 'a/b/c' })
    expect(judgeBranch('main', ['refs/heads/mainline'])).toEqual({ exists: false, inTheWay: null })
  })
})
