import { BridgeError } from '@codex-bridge/contracts'
import { type GitWork, worktreeBlocked } from './git-client.ts'
import { judgeBranch, type ListedWorktree, parseWorktrees, refPatterns } from './porcelain.ts'

/** An open repository. `commonDir` holds git's own data. */
export type Repository = { root: string; commonDir: string; git: GitWork }

/** @throws BridgeError `worktree_blocked` (`not_a_repository`) unless the folder is the top of a work tree or a bare repository */
export const openRepository = async (git: GitWork, root: string): Promise<Repository> => {
  const asked = [
    'rev-parse',
    '--path-format=absolute',
    '--git-common-dir',
    '--is-bare-repository',
    '--is-inside-work-tree',
    '--show-prefix',
  ]
  const answer = await git.try(root, asked)
  const refuse = (message: string) =>
    worktreeBlocked('not_a_repository', message, { repoRoot: root, offers: ['git init, and a first commit', 'another repoRoot'] })
  if (answer.code !== 0) throw refuse(`${root} is not a git repository: ${answer.stderr.trim().slice(0, 300)}`)
  const lines = answer.stdout.split('\n').slice(0, -1)
  // Read from the end: the path may contain line breaks.
  const prefix = lines.pop() ?? ''
  const inside = lines.pop() === 'true'
  const bare = lines.pop() === 'true'
  if (!(bare || inside)) throw refuse(`${root} is inside the data of a git repository`)
  if (prefix !== '') throw refuse(`${root} is inside a git repository, not the top of one`)
  return { root, commonDir: lines.join('\n'), git }
}

export const listWorktrees = async ({ git, root }: Repository): Promise<ListedWorktree[]> =>
  parseWorktrees(await git.run(root, ['worktree', 'list', '--porcelain', '-z']))

/** @returns the commit; null when there is no such branch */
export const branchTip = async (repository: Repository, branch: string): Promise<string | null> =>
  await commitOf(repository, `refs/heads/${branch}`)

export const commitOf = async ({ git, root }: Repository, name: string): Promise<string | null> => {
  const { code, stdout } = await git.try(root, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`])
  return code === 0 ? stdout.trim() : null
}

const invalidBranch = (branch: string): BridgeError => {
  const message = `${JSON.stringify(branch)} is not a valid branch name`
  return new BridgeError('validation_error', message, { details: [{ path: '/branch', message }] })
}

/** @throws BridgeError `validation_error` for a name that git does not accept */
export const assertBranchName = async ({ git, root }: Repository, branch: string): Promise<void> => {
  // Control characters would not reach git unchanged, and git refuses a leading dash only for branches, not for refs.
  if (/^-|\p{Cc}/u.test(branch) || branch === 'HEAD') throw invalidBranch(branch)
  const { code } = await git.try(root, ['check-ref-format', `refs/heads/${branch}`])
  if (code !== 0) throw invalidBranch(branch)
}

/** Whether the branch exists. @throws BridgeError `worktree_blocked` (`branch_in_the_way`) when another branch makes it impossible */
export const branchExists = async ({ git, root }: Repository, branch: string): Promise<boolean> => {
  const refs = await git.run(root, ['for-each-ref', '--format=%(refname)', '--', ...refPatterns(branch)])
  const { exists, inTheWay } = judgeBranch(branch, refs.split('\n').filter(Boolean))
  if (!exists && inTheWay !== null) {
    throw worktreeBlocked('branch_in_the_way', `Branch ${branch} cannot exist beside branch ${inTheWay}`, { branch, inTheWay })
  }
  return exists
}
