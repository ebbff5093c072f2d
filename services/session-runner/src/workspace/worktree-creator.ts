import { mkdirSync, rmdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { RequestOf, Runners, WorktreePlan } from '@codex-bridge/contracts'
import { worktreeBlocked } from './git/git-client.ts'
import { isThere, listNames, readText } from './git/git-files.ts'
import type { ListedWorktree } from './git/porcelain.ts'
import { assertBranchName, branchExists, branchTip, commitOf, listWorktrees, type Repository } from './git/repository-reader.ts'

export type WorktreeRequest = Pick<RequestOf<typeof Runners.createWorktree>, 'laneId' | 'incarnation' | 'worktree'>

/** Reason of the lock on a worktree while it is being created. It marks a half-created worktree, and the lane it is for. */
export const markOf = ({ laneId, incarnation }: Pick<WorktreeRequest, 'laneId' | 'incarnation'>): string =>
  `codex-bridge: being made for lane ${laneId} (${incarnation})`

/** File in git's data of a worktree while that is being removed: everything in the worktree was found to be stored elsewhere. */
export const REMOVING = 'codex-bridge.removing'

/**
 * Decides branch, commit and folder of a new worktree. Changes nothing.
 * @param path real path of the folder to create
 * @throws BridgeError `validation_error` (branch), `worktree_blocked`
 */
export const planWorktree = async (repository: Repository, path: string, branch: string): Promise<WorktreePlan> => {
  await assertBranchName(repository, branch)
  const exists = await branchExists(repository, branch)
  const base = exists ? await branchTip(repository, branch) : await commitOf(repository, 'HEAD')
  if (base === null) {
    throw worktreeBlocked('no_commit', `${repository.root} has no commit yet, so nothing can be checked out`, {
      offers: ['make a first commit'],
    })
  }
  const worktrees = await listWorktrees(repository)
  const holder = worktrees.find((listed) => listed.branch === branch)
  if (holder) throw branchInUse(branch, holder)
  if (isThere(path) || worktrees.some((listed) => listed.path === path)) {
    throw worktreeBlocked('path_taken', `${path} already exists; the bridge only uses folders that it created`, {
      path,
      offers: ['git worktree remove, if nothing in it is needed', 'another laneId', 'worktreePath and branch without worktree: true'],
    })
  }
  return { path, branch, branchCreated: !exists, base }
}

/**
 * Creates the planned worktree. Idempotent: a finished worktree is left alone, a half-created one is completed. Until it is complete,
 * git has it locked with this lane's mark.
 * @throws BridgeError `worktree_blocked`
 */
export const createWorktree = async (repository: Repository, request: WorktreeRequest): Promise<void> => {
  const { path } = request.worktree
  const mark = markOf(request)
  const listed = (await listWorktrees(repository)).find((candidate) => candidate.path === path)
  if (listed && listed.locked !== mark && !listed.prunable) {
    forgetRemoval(repository, path)
    return
  }
  if (listed?.prunable) await repository.git.run(repository.root, ['worktree', 'remove', '--', path])
  if (!(listed && (await completeHalfCreated(repository, request, listed)))) {
    discardHalfCreated(repository, request)
    await addWorktree(repository, request)
    await finish(repository, request)
  }
}

/** The worktree will be used again, so files that are missing later were removed on purpose. */
const forgetRemoval = ({ commonDir }: Repository, path: string): void => {
  const data = worktreeData(commonDir).find((folder) => readText(join(folder, 'gitdir'))?.trim() === join(path, '.git'))
  if (data !== undefined) rmSync(join(data, REMOVING), { force: true })
}

/**
 * Completes a half-created worktree if git's data of it is complete, which is so once its HEAD is on the branch: then only files may be
 * missing.
 * @returns false if git's data is not complete
 */
export const completeHalfCreated = async (
  repository: Repository,
  request: WorktreeRequest,
  { branch }: ListedWorktree,
): Promise<boolean> => {
  if (branch !== request.worktree.branch || !isThere(join(request.worktree.path, '.git'))) return false
  await finish(repository, request)
  return true
}

const addWorktree = async (repository: Repository, request: WorktreeRequest): Promise<void> => {
  const { git, root } = repository
  const { path, branch, branchCreated, base, state } = request.worktree
  const tip = await branchTip(repository, branch)
  if (tip !== null && state === 'requested' && branchCreated && tip !== base) {
    throw worktreeBlocked('branch_in_use', `Branch ${branch} was created by another program in the meantime`, { branch })
  }
  if (tip === null && !branchCreated) throw worktreeBlocked('branch_missing', `Branch ${branch} is gone`, { branch })
  mkdirSync(dirname(path), { recursive: true })
  const options = ['--no-checkout', '--no-guess-remote', '--lock', '--reason', markOf(request)]
  await git.run(root, [
    'worktree',
    'add',
    ...options,
    ...(tip === null ? ['--no-track', '-b', branch, '--', path, base] : ['--', path, branch]),
  ])
}

const finish = async ({ git, root, commonDir }: Repository, request: WorktreeRequest): Promise<void> => {
  const { path } = request.worktree
  // Left by an aborted checkout. Nobody else works here before the lock is removed.
  for (const folder of dataOf(commonDir, markOf(request))) rmSync(join(folder, 'index.lock'), { force: true })
  await git.run(path, ['reset', '--hard', '--quiet'])
  await git.run(root, ['worktree', 'unlock', '--', path])
}

/**
 * Removes what is left of an attempt that was cut off before git's data of the worktree was complete. Its folder then contains at most
 * the file `.git`, because other files come later.
 * @throws BridgeError `worktree_blocked` (`path_taken`) if it contains more
 */
export const discardHalfCreated = ({ commonDir }: Repository, request: WorktreeRequest): void => {
  const { path } = request.worktree
  const data = dataOf(commonDir, markOf(request))
  if (data.some((folder) => readText(join(path, '.git'))?.trim() === `gitdir: ${folder}`)) rmSync(join(path, '.git'), { force: true })
  try {
    rmdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw worktreeBlocked('path_taken', `${path} already exists and was not left by the bridge`, { path })
    }
  }
  for (const folder of data) rmSync(folder, { recursive: true, force: true })
}

/** Whether git has data of an attempt that was cut off. */
export const isHalfCreated = ({ commonDir }: Repository, request: WorktreeRequest): boolean => dataOf(commonDir, markOf(request)).length > 0

/** Folders of git's data of worktrees that are locked with a mark. */
const dataOf = (commonDir: string, mark: string): string[] =>
  worktreeData(commonDir).filter((candidate) => readText(join(candidate, 'locked'))?.trim() === mark)

/** Folders of git's data of worktrees. */
export const worktreeData = (commonDir: string): string[] => {
  const folder = join(commonDir, 'worktrees')
  return listNames(folder).map((name) => join(folder, name))
}

const branchInUse = (branch: string, { path }: ListedWorktree) =>
  worktreeBlocked('branch_in_use', `Branch ${branch} is checked out in ${path}`, {
    branch,
    path,
    offers: ['another branch', 'check another branch out there', 'git worktree prune, if that folder is gone'],
  })
