import { mkdirSync, rmdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { RequestOf, Runners, WorktreePlan } from '@codex-bridge/contracts'
import { worktreeBlocked } from './git/git-client.ts'
import { isThere, listNames, readText } from './git/git-files.ts'
import type { ListedWorktree } from './git/porcelain.ts'
import { assertBranchName, branchExists, branchTip, commitOf, listWorktrees, type Repository } from './git/repository-reader.ts'

export type MakeRequest = Pick<RequestOf<typeof Runners.createWorktree>, 'laneId' | 'incarnation' | 'worktree'>

/** Reason of the lock that a worktree has while it is being made: whoever finds it knows that it is half made, and for whom. */
export const markOf = ({ laneId, incarnation }: Pick<MakeRequest, 'laneId' | 'incarnation'>): string =>
  `codex-bridge: being made for lane ${laneId} (${incarnation})`

/** File in git's data of a worktree, there while it is being removed: everything in it was found to be stored elsewhere. */
export const REMOVING = 'codex-bridge.removing'

/**
 * Decides branch, commit and folder of a new worktree. Changes nothing.
 * @param path real path of the folder to be
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
    throw worktreeBlocked('path_taken', `${path} is there already; the bridge uses only folders that it made`, {
      path,
      offers: ['git worktree remove, when nothing in it is needed', 'another laneId', 'worktreePath and branch without worktree: true'],
    })
  }
  return { path, branch, branchCreated: !exists, base }
}

/**
 * Makes the planned worktree. Made before it is left alone, half made before it is brought to its end, so every repetition ends
 * alike. Until it is whole git has it locked under a mark of this lane.
 * @throws BridgeError `worktree_blocked`
 */
export const makeWorktree = async (repository: Repository, request: MakeRequest): Promise<void> => {
  const { path } = request.worktree
  const mark = markOf(request)
  const listed = (await listWorktrees(repository)).find((candidate) => candidate.path === path)
  if (listed && listed.locked !== mark && !listed.prunable) {
    forgetRemoval(repository, path)
    return
  }
  if (listed?.prunable) await repository.git.run(repository.root, ['worktree', 'remove', '--', path])
  if (!(listed && (await settleHalfMade(repository, request, listed)))) {
    discardHalfMade(repository, request)
    await addWorktree(repository, request)
    await finish(repository, request)
  }
}

/** It will be worked in again, so what is missing later was taken away on purpose. */
const forgetRemoval = ({ commonDir }: Repository, path: string): void => {
  const data = worktreeData(commonDir).find((folder) => readText(join(folder, 'gitdir'))?.trim() === join(path, '.git'))
  if (data !== undefined) rmSync(join(data, REMOVING), { force: true })
}

/**
 * Brings a half made worktree to its end if git has its data complete, which it has once its HEAD is on the branch: only files
 * may be missing then. @returns false when it has not
 */
export const settleHalfMade = async (repository: Repository, request: MakeRequest, { branch }: ListedWorktree): Promise<boolean> => {
  if (branch !== request.worktree.branch || !isThere(join(request.worktree.path, '.git'))) return false
  await finish(repository, request)
  return true
}

const addWorktree = async (repository: Repository, request: MakeRequest): Promise<void> => {
  const { git, root } = repository
  const { path, branch, branchCreated, base, state } = request.worktree
  const tip = await branchTip(repository, branch)
  if (tip !== null && state === 'requested' && branchCreated && tip !== base) {
    throw worktreeBlocked('branch_in_use', `Branch ${branch} was made by somebody else in the meantime`, { branch })
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

const finish = async ({ git, root, commonDir }: Repository, request: MakeRequest): Promise<void> => {
  const { path } = request.worktree
  // Left by a checkout that was ended. Nobody else works here before the lock is taken off.
  for (const folder of dataOf(commonDir, markOf(request))) rmSync(join(folder, 'index.lock'), { force: true })
  await git.run(path, ['reset', '--hard', '--quiet'])
  await git.run(root, ['worktree', 'unlock', '--', path])
}

/**
 * Removes what is left of a try that ended before git had the worktree's data complete. Of its folder there is then at most the
 * file `.git`: files come only afterwards.
 * @throws BridgeError `worktree_blocked` (`path_taken`) when there is more
 */
export const discardHalfMade = ({ commonDir }: Repository, request: MakeRequest): void => {
  const { path } = request.worktree
  const data = dataOf(commonDir, markOf(request))
  if (data.some((folder) => readText(join(path, '.git'))?.trim() === `gitdir: ${folder}`)) rmSync(join(path, '.git'), { force: true })
  try {
    rmdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw worktreeBlocked('path_taken', `${path} is there already, and is not what the bridge left`, { path })
    }
  }
  for (const folder of data) rmSync(folder, { recursive: true, force: true })
}

/** Whether git has data of a try that did not come to its end. */
export const isHalfMade = ({ commonDir }: Repository, request: MakeRequest): boolean => dataOf(commonDir, markOf(request)).length > 0

/** Folders in which git keeps the data of worktrees that are locked under a mark. */
const dataOf = (commonDir: string, mark: string): string[] =>
  worktreeData(commonDir).filter((candidate) => readText(join(candidate, 'locked'))?.trim() === mark)

/** Folders in which git keeps the data of worktrees. */
export const worktreeData = (commonDir: string): string[] => {
  const folder = join(commonDir, 'worktrees')
  return listNames(folder).map((name) => join(folder, name))
}

const branchInUse = (branch: string, { path }: ListedWorktree) =>
  worktreeBlocked('branch_in_use', `Branch ${branch} is checked out in ${path}`, {
    branch,
    path,
    offers: ['another branch', 'check another branch out there', 'git worktree prune, when that folder is gone'],
  })
