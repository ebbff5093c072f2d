import { existsSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { BridgeError, type StatusReason, type WorktreeOutcome } from '@codex-bridge/contracts'
import type { ProcessScanner } from '../host/process-scanner.ts'
import { isThere, readText } from './git/git-files.ts'
import { hiddenFiles, type ListedWorktree, parseStatus, stashesOf } from './git/porcelain.ts'
import { branchTip, listWorktrees, type Repository } from './git/repository-reader.ts'
import { completeHalfCreated, discardHalfCreated, isHalfCreated, REMOVING, type WorktreeRequest, worktreeData } from './worktree-creator.ts'

/** Maximum number of files named as evidence. */
const MAX_FILES_NAMED = 10

/** Files in git's data of a worktree while an operation of several steps is under way. */
const OPERATIONS = ['MERGE_HEAD', 'CHERRY_PICK_HEAD', 'REVERT_HEAD', 'BISECT_LOG', 'rebase-merge', 'rebase-apply', 'sequencer']

type Kept = StatusReason | null

const kept = (code: string, message: string, details?: Record<string, unknown>): StatusReason => ({
  code,
  message,
  ...(details && { details }),
})

/** The outcome for a worktree that is kept. */
export const keptOutcome = ({ path, branch, branchCreated }: WorktreeRequest['worktree'], reason: StatusReason): WorktreeOutcome => ({
  path,
  branch,
  removed: false,
  reason,
  branchDeleted: false,
  branchReason: branchCreated ? 'its worktree is kept' : null,
})

/** @returns the reason an error gives */
export const reasonOf = (error: unknown): StatusReason => {
  const { code, message, details } = BridgeError.from(error)
  return kept((details as { reason?: string } | undefined)?.reason ?? code, message)
}

/**
 * Removes a worktree if nothing would be lost, and then its branch if the bridge created it and it is merged. Git checks both again:
 * nothing is ever forced.
 * @throws BridgeError `worktree_blocked`
 */
export const removeWorktree = async (
  repository: Repository,
  request: WorktreeRequest,
  scanner: Pick<ProcessScanner, 'userOf'>,
): Promise<WorktreeOutcome> => {
  const { git, root } = repository
  const { worktree } = request
  const { path } = worktree
  const listed = await settled(repository, request)
  if (listed) {
    const reason = await whyKept(repository, request, listed, scanner)
    if (reason) return keptOutcome(worktree, reason)
    const data = dataOf(repository, listed)
    if (data !== undefined) writeFileSync(join(data, REMOVING), '')
    // To git an empty folder without .git is no worktree, but a missing folder is one.
    if (isThere(path) && isEmptyOrGone(path)) rmdirSync(path)
    await git.run(root, ['worktree', 'remove', '--', path])
  } else if (!isEmptyOrGone(path)) return keptOutcome(worktree, kept('not_a_worktree', `${path} is no longer a worktree of ${root}`))
  return { path, branch: worktree.branch, removed: true, reason: null, ...(await dropBranch(repository, request)) }
}

/** The worktree as git lists it, after a half-created one was completed or discarded. */
const settled = async (repository: Repository, request: WorktreeRequest): Promise<ListedWorktree | undefined> => {
  const find = async () => (await listWorktrees(repository)).find(({ path }) => path === request.worktree.path)
  const listed = await find()
  if (!isHalfCreated(repository, request)) return listed
  if (!(listed && (await completeHalfCreated(repository, request, listed)))) discardHalfCreated(repository, request)
  return await find()
}

const whyKept = async (
  repository: Repository,
  request: WorktreeRequest,
  listed: ListedWorktree,
  scanner: Pick<ProcessScanner, 'userOf'>,
): Promise<Kept> => {
  if (listed.locked !== null) return kept('locked', `The worktree is locked: ${listed.locked || 'no reason given'}`)
  if (listed.prunable && isEmptyOrGone(listed.path)) return null
  restoreLink(repository, listed)
  const data = dataOf(repository, listed)
  if (data === undefined) return kept('not_a_worktree', `The .git of ${listed.path} does not lead to ${repository.root}`)
  const user = scanner.userOf(listed.path)
  if (user !== null) return kept('in_use', user)
  const inside = insideOf(repository, listed, data)
  return (
    operationIn(data) ??
    (await submodulesIn(inside)) ??
    (await changesIn(inside, isThere(join(data, REMOVING)))) ??
    (await hiddenIn(inside, listed)) ??
    (await stashFor(repository, request, listed)) ??
    (await unmergedIn(repository, request, listed))
  )
}

/**
 * The folder of the repository's data of a worktree, if the worktree's `.git` leads there and back. A link that leads elsewhere is not
 * followed: a program that works in the folder could make git run programs by its own configuration.
 */
const dataOf = ({ commonDir }: Repository, { path }: ListedWorktree): string | undefined => {
  const link = /^gitdir: (.+)$/s.exec(readText(join(path, '.git'))?.trim() ?? '')?.[1]
  if (link === undefined) return
  const data = resolve(path, link)
  if (dirname(data) !== join(commonDir, 'worktrees')) return
  return resolve(data, readText(join(data, 'gitdir'))?.trim() ?? '') === join(path, '.git') ? data : undefined
}

/** A removal that was cut off may have deleted `.git` before the rest. */
const restoreLink = ({ commonDir }: Repository, { path }: ListedWorktree): void => {
  const link = join(path, '.git')
  if (isThere(link) || !isThere(path)) return
  const data = worktreeData(commonDir).find(
    (folder) => isThere(join(folder, REMOVING)) && readText(join(folder, 'gitdir'))?.trim() === link,
  )
  if (data !== undefined) writeFileSync(link, `gitdir: ${data}\n`)
}

/** Runs git on a worktree with the repository's own data, whatever its `.git` says by then. */
type GitInside = (...args: string[]) => Promise<string>

const insideOf =
  ({ git }: Repository, { path }: ListedWorktree, data: string): GitInside =>
  (...args) =>
    git.run(path, [`--git-dir=${data}`, `--work-tree=${path}`, ...args])

const operationIn = (data: string): Kept => {
  const found = OPERATIONS.find((name) => existsSync(join(data, name)))
  return found === undefined ? null : kept('operation_under_way', `A merge, rebase or similar operation is not finished (${found})`)
}

/** Git does not remove worktrees with submodules, and reading them would follow configurations in the worktree. */
const submodulesIn = async (inside: GitInside): Promise<Kept> => {
  const files = (await inside('ls-files', '--stage', '-z')).split('\0')
  return files.some((entry) => entry.startsWith('160000 ')) ? kept('submodules', 'Git does not remove worktrees with submodules') : null
}

/** @param begun its removal was cut off: files that are only missing are restored from git */
const changesIn = async (inside: GitInside, begun: boolean): Promise<Kept> => {
  const read = async () => parseStatus(await inside('status', '--porcelain=v1', '-z', '--no-renames', '--untracked-files=normal'))
  let status = await read()
  if (begun && status.onlyMissing) {
    await inside('checkout-index', '--all', '--quiet')
    status = await read()
  }
  const { changed, untracked } = status
  if (changed.length + untracked.length === 0) return null
  return kept('uncommitted', `${changed.length} uncommitted changes and ${untracked.length} untracked files`, {
    changed: changed.slice(0, MAX_FILES_NAMED),
    untracked: untracked.slice(0, MAX_FILES_NAMED),
  })
}

const hiddenIn = async (inside: GitInside, { path }: ListedWorktree): Promise<Kept> => {
  const files = hiddenFiles(await inside('ls-files', '-v', '-z'), (file) => isThere(join(path, file)))
  if (files.length === 0) return null
  return kept('uncommitted', `Git was told to ignore ${files.length} files, so changes in them are not visible`, {
    changed: files.slice(0, MAX_FILES_NAMED),
  })
}

const stashFor = async ({ git, root }: Repository, { worktree }: WorktreeRequest, { branch }: ListedWorktree): Promise<Kept> => {
  const branches = branch === null ? [worktree.branch] : [worktree.branch, branch]
  const stashes = stashesOf(await git.run(root, ['stash', 'list', '-z', '--format=%gs']), branches)
  return stashes.length === 0 ? null : kept('stashed', `${stashes.length} stashes were made on its branch`)
}

/** Commits of the worktree that no other branch and no remote has. */
const unmergedIn = async (repository: Repository, { worktree }: WorktreeRequest, { head, branch }: ListedWorktree): Promise<Kept> => {
  const { git, root } = repository
  const own = [...new Set([worktree.branch, ...(branch === null ? [] : [branch])])]
  const tips = [head, ...(await Promise.all(own.map((name) => branchTip(repository, name))))].filter((tip) => tip !== null)
  const others = ['--not', ...own.map((name) => `--exclude=${name}`), '--branches', '--remotes']
  const count = Number(await git.run(root, ['rev-list', '--count', ...tips, ...others]))
  if (count === 0) return null
  return kept('unmerged', `${count} commits are in no other branch and no remote`, { commits: count, branch: branch ?? head })
}

const dropBranch = async (
  repository: Repository,
  { worktree }: WorktreeRequest,
): Promise<Pick<WorktreeOutcome, 'branchDeleted' | 'branchReason'>> => {
  if (!worktree.branchCreated) return { branchDeleted: false, branchReason: null }
  if ((await branchTip(repository, worktree.branch)) === null) return { branchDeleted: true, branchReason: null }
  // Git refuses this unless the branch is merged into its upstream, or into the branch that the repository has checked out.
  const { code, stderr } = await repository.git.try(repository.root, ['branch', '--delete', '--', worktree.branch])
  if (code === 0) return { branchDeleted: true, branchReason: null }
  return { branchDeleted: false, branchReason: stderr.trim().split('\n')[0] ?? '' }
}

const isEmptyOrGone = (path: string): boolean => {
  try {
    return readdirSync(path).length === 0
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}
