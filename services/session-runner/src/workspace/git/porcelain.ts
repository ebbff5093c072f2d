/** One entry of `git worktree list --porcelain -z`. */
export type ListedWorktree = {
  path: string
  head: string | null
  /** Short name; null when its HEAD is detached. */
  branch: string | null
  /** The reason of its lock; null when it is not locked. */
  locked: string | null
  /** Its folder is gone. */
  prunable: boolean
}

const HEADS = 'refs/heads/'

export const parseWorktrees = (output: string): ListedWorktree[] =>
  output
    .split('\0\0')
    .map((block) => block.split('\0').filter((line) => line !== ''))
    .filter((lines) => lines.length > 0)
    .map((lines) => {
      const value = (name: string): string | null => {
        const line = lines.find((candidate) => candidate === name || candidate.startsWith(`${name} `))
        return line === undefined ? null : line.slice(name.length + 1)
      }
      return {
        path: value('worktree') ?? '',
        head: value('HEAD'),
        branch: value('branch')?.slice(HEADS.length) ?? null,
        locked: value('locked'),
        prunable: value('prunable') !== null,
      }
    })

/** What `git status --porcelain=v1 -z --no-renames` found. */
export type WorktreeStatus = {
  changed: string[]
  untracked: string[]
  /** True if every change is a deletion of a file unmodified in the index. */
  onlyMissing: boolean
}

export const parseStatus = (output: string): WorktreeStatus => {
  const entries = output.split('\0').filter((entry) => entry !== '')
  const untracked = entries.filter((entry) => entry.startsWith('?? '))
  const changed = entries.filter((entry) => !entry.startsWith('?? '))
  return {
    changed: changed.map((entry) => entry.slice(3)),
    untracked: untracked.map((entry) => entry.slice(3)),
    onlyMissing: entries.length > 0 && entries.every((entry) => entry.startsWith(' D ')),
  }
}

/**
 * Files in the output of `git ls-files -v -z` whose changes git ignores: `assume-unchanged` (lower case), and `skip-worktree` if the file
 * exists, which a sparse checkout does not leave behind.
 */
export const hiddenFiles = (output: string, exists: (path: string) => boolean): string[] =>
  output
    .split('\0')
    .filter((entry) => /^[a-z] /.test(entry) || (entry.startsWith('S ') && exists(entry.slice(2))))
    .map((entry) => entry.slice(2))

/** Messages of `git stash list -z --format=%gs` that were made on one of the branches. */
export const stashesOf = (output: string, branches: readonly string[]): string[] =>
  output
    .split('\0')
    .filter((message) => branches.some((branch) => [`WIP on ${branch}:`, `On ${branch}:`].some((on) => message.startsWith(on))))

export type BranchFinding = { exists: boolean; inTheWay: string | null }

/** Whether a branch exists, and whether another makes it impossible: `a` and `a/b` cannot both be branches. */
export const judgeBranch = (branch: string, refs: readonly string[]): BranchFinding => {
  const names = refs.map((ref) => ref.slice(HEADS.length))
  const parts = branch.split('/')
  const prefixes = new Set(parts.slice(1).map((_part, index) => parts.slice(0, index + 1).join('/')))
  return {
    exists: names.includes(branch),
    inTheWay: names.find((name) => prefixes.has(name) || name.startsWith(`${branch}/`)) ?? null,
  }
}

/** Patterns for `git for-each-ref` that match a branch and everything that conflicts with it. */
export const refPatterns = (branch: string): string[] => {
  const parts = branch.split('/')
  return parts.map((_part, index) => `${HEADS}${parts.slice(0, index + 1).join('/')}`)
}
