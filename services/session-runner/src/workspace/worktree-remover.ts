import { existsSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { BridgeError, type StatusReason, type WorktreeOutcome } from '@codex-bridge/contracts'
import { isThere, readText } from './git/git-files.ts'
import { hiddenFiles, type ListedWorktree, parseStatus, stashesOf } from './git/porcelain.ts'
import { branchTip, listWorktrees, type Repository } from './git/repository-reader.ts'
import { discardHalfMade, isHalfMade, type MakeRequest, REMOVING, settleHalfMade, worktreeData } from './worktree-creator.ts'

/** How many files are named as evidence. */
const FILES_TOLD = 10

/** What git leaves in a worktree's data while an operation of several steps is under way. */
const OPERATIONS = ['MERGE_HEAD', 'CHERRY_PICK_HEAD', 'REVERT_HEAD', 'BISECT_LOG', 'rebase-merge', 'rebase-apply', 'sequencer']

type Kept = StatusReason | null

const kept = (code: string, message: string, details?: Record<string, unknown>): StatusReason => ({
  code,
  message,
  ...(details && { details }),
})

/** The outcome for a worktree that is left as it is. */
export const keptOutcome = ({ path, branch, branchCreated }: MakeRequest['worktree'], reason: StatusReason): WorktreeOutcome => ({
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
 * Removes a worktree when nothing would be lost with it, and then the branch if the bridge made it and it is merged. Git checks
 * both once more by itself: nothing is ever forced.
 * @param inUse who works in a folder, in words; null when nobody is seen
 * @throws BridgeError `worktree_blocked`
 */
export const removeWorktree = async (
  repository: Repository,
  request: MakeRequest,
  inUse: (path: string) => string | null,
): Promise<WorktreeOutcome> => {
  const { git, root } = repository
  const { worktree } = request
  const { path } = worktree
  const listed = await settled(repository, request)
  if (listed) {
    const reason = await whyKept(repository, request, listed, inUse)
    if (reason) return keptOutcome(worktree, reason)
    const data = dataOf(repository, listed)
    if (data !== undefined) writeFileSync(join(data, REMOVING), '')
    // An empty folder without .git is no worktree to git; one that is gone is.
    if (isThere(path) && isEmptyOrGone(path)) rmdirSync(path)
    await git.run(root, ['worktree', 'remove', '--', path])
  } else if (!isEmptyOrGone(path)) return keptOutcome(worktree, kept('not_a_worktree', `${path} is no worktree of ${root} any more`))
  return { path, branch: worktree.branch, removed: true, reason: null, ...(await dropBranch(repository, request)) }
}

/** The worktree as git lists it, once a half made one is whole or gone. */
const settled = async (repository: Repository, request: MakeRequest): Promise<ListedWorktree | undefined> => {
  const look = async () => (await listWorktrees(repository)).find(({ path }) => path === request.worktree.path)
  const listed = await look()
  if (!isHalfMade(repository, request)) return listed
  if (!(listed && (await settleHalfMade(repository, request, listed)))) discardHalfMade(repository, request)
  return await look()
}

const whyKept = async (
  repository: Repository,
  request: MakeRequest,
  listed: ListedWorktree,
  inUse: (path: string) => string | null,
): Promise<Kept> => {
  if (listed.locked !== null) return kept('locked', `Somebody locked it: ${listed.locked || 'no reason given'}`)
  if (listed.prunable && isEmptyOrGone(listed.path)) return null
  restoreLink(repository, listed)
  const data = dataOf(repository, listed)
  if (data === undefined) return kept('not_a_worktree', `The .git of ${listed.path} does not lead to ${repository.root}`)
  const user = inUse(listed.path)
  if (user !== null) return kept('in_use', user)
  const look = insideOf(repository, listed, data)
  return (
    operationIn(data) ??
    (await submodulesIn(look)) ??
    (await changesIn(look, isThere(join(data, REMOVING)))) ??
    (await hiddenIn(look, listed)) ??
    (await stashFor(repository, request, listed)) ??
    (await unmergedIn(repository, request, listed))
  )
}

/**
 * The folder in which the repository has a worktree's data, if its `.git` leads there and back. One that leads elsewhere is not
 * followed: whoever works in the folder could have git run programs by a configuration of their own.
 */
const dataOf = ({ commonDir }: Repository, { path }: ListedWorktree): string | undefined => {
  const link = /^gitdir: (.+)$/s.exec(readText(join(path, '.git'))?.trim() ?? '')?.[1]
  if (link === undefined) return
  const data = resolve(path, link)
  if (dirname(data) !== join(commonDir, 'worktrees')) return
  return resolve(data, readText(join(data, 'gitdir'))?.trim() ?? '') === join(path, '.git') ? data : undefined
}

/** A removal that was cut off may have taken `.git` before the rest. */
const restoreLink = ({ commonDir }: Repository, { path }: ListedWorktree): void => {
  const link = join(path, '.git')
  if (isThere(link) || !isThere(path)) return
  const data = worktreeData(commonDir).find(
    (folder) => isThere(join(folder, REMOVING)) && readText(join(folder, 'gitdir'))?.trim() === link,
  )
  if (data !== undefined) writeFileSync(link, `gitdir: ${data}\n`)
}

/** Runs git on a worktree with the repository's own data, whatever its `.git` says by then. */
type Look = (...args: string[]) => Promise<string>

const insideOf =
  ({ git }: Repository, { path }: ListedWorktree, data: string): Look =>
  (...args) =>
    git.run(path, [`--git-dir=${data}`, `--work-tree=${path}`, ...args])

const operationIn = (data: string): Kept => {
  const found = OPERATIONS.find((name) => existsSync(join(data, name)))
  return found === undefined ? null : kept('operation_under_way', `A merge, rebase or the like is not finished (${found})`)
}

/** Git removes none with submodules, and looking into them would follow configurations that lie in the worktree. */
const submodulesIn = async (look: Look): Promise<Kept> => {
  const files = (await look('ls-files', '--stage', '-z')).split('\0')
  return files.some((entry) => entry.startsWith('160000 ')) ? kept('submodules', 'Git does not remove worktrees with submodules') : null
}

/** @param begun removing it was cut off: files that are only missing are put back, from what git has of them */
const changesIn = async (look: Look, begun: boolean): Promise<Kept> => {
  const read = async () => parseStatus(await look('status', '--porcelain=v1', '-z', '--no-renames', '--untracked-files=normal'))
  let status = await read()
  if (begun && status.onlyMissing) {
    await look('checkout-index', '--all', '--quiet')
    status = await read()
  }
  const { changed, untracked } = status
  if (changed.length + untracked.length === 0) return null
  return kept('uncommitted', `${changed.length} uncommitted changes and ${untracked.length} untracked files`, {
    changed: changed.slice(0, FILES_TOLD),
    untracked: untracked.slice(0, FILES_TOLD),
  })
}

const hiddenIn = async (look: Look, { path }: ListedWorktree): Promise<Kept> => {
  const files = hiddenFiles(await look('ls-files', '-v', '-z'), (file) => isThere(join(path, file)))
  if (files.length === 0) return null
  return kept('uncommitted', `Git was told not to look at ${files.length} files, so changes in them cannot be seen`, {
    changed: files.slice(0, FILES_TOLD),
  })
}

const stashFor = async ({ git, root }: Repository, { worktree }: MakeRequest, { branch }: ListedWorktree): Promise<Kept> => {
  const branches = branch === null ? [worktree.branch] : [worktree.branch, branch]
  const stashes = stashesOf(await git.run(root, ['stash', 'list', '-z', '--format=%gs']), branches)
  return stashes.length === 0 ? null : kept('stashed', `${stashes.length} stashes were made on its branch`)
}

/** Commits of the worktree that no other branch and no remote has. */
const unmergedIn = async (repository: Repository, { worktree }: MakeRequest, { head, branch }: ListedWorktree): Promise<Kept> => {
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
  { worktree }: MakeRequest,
): Promise<Pick<WorktreeOutcome, 'branchDeleted' | 'branchReason'>> => {
  if (!worktree.branchCreated) return { branchDeleted: false, branchReason: null }
  if ((await branchTip(repository, worktree.branch)) === null) return { branchDeleted: true, branchReason: null }
  // Refused by git unless it is merged into its upstream, or into what the repository has checked out.
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
