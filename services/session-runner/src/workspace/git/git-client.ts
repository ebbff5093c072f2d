import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { childEnv, runBounded } from '@codex-bridge/codex-client'
import { BridgeError } from '@codex-bridge/contracts'

/** How many trailing characters of git's stderr to report. */
const STDERR_CHARS = 600
/** The first version with `worktree list -z`. */
const OLDEST = [2, 36] as const

/** Settings that a repository's configuration cannot change for the bridge's own git commands. */
const SETTINGS = [
  // Hooks and the file monitor are programs of the repository, which would run outside Codex's sandbox with the runner's rights.
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  // Files that git does not show would be deleted unnoticed.
  'status.showUntrackedFiles=normal',
  'submodule.recurse=false',
  'worktree.useRelativePaths=false',
  'gc.auto=0',
].flatMap((setting) => ['-c', setting])

/** Why a worktree cannot be created or removed. */
export const worktreeBlocked = (reason: string, message: string, details: Record<string, unknown> = {}): BridgeError =>
  new BridgeError('worktree_blocked', message, { details: { reason, ...details } })

type GitAnswer = { code: number; stdout: string; stderr: string }

/** Several git commands that share a deadline. */
export type GitWork = {
  /** Runs git; any exit is an answer. @throws BridgeError `worktree_blocked` (`git_timeout`, `git_failed` when it could not run) */
  try(cwd: string, args: readonly string[]): Promise<GitAnswer>
  /** Like try, for a command that must succeed. @returns its output */
  run(cwd: string, args: readonly string[]): Promise<string>
}

/** Runs git with a deadline, and without a shell, prompts, hooks or editors. */
export class GitClient {
  readonly #timeoutMs: number
  #binary: string | undefined

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  /** @throws BridgeError `worktree_blocked` (`git_missing`, `git_too_old`) */
  async begin(): Promise<GitWork> {
    const deadline = performance.now() + this.#timeoutMs
    const binary = this.#binary ?? findGit()
    const attempt = (cwd: string, args: readonly string[]) => runGit(binary, cwd, args, deadline)
    const work: GitWork = {
      try: attempt,
      run: async (cwd, args) => {
        const answer = await attempt(cwd, args)
        if (answer.code !== 0) throw failed(args, answer)
        return answer.stdout
      },
    }
    if (this.#binary === undefined) assertVersion(await work.run('/', ['version']))
    this.#binary = binary
    return work
  }
}

const findGit = (): string => {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder.startsWith('/'))
  const found = candidates.map((folder) => join(folder, 'git')).find(isExecutable)
  if (found !== undefined) return found
  throw worktreeBlocked('git_missing', 'git is not on the PATH of the session-runner', {
    offers: ['install git', 'use repoRoot alone'],
  })
}

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    // Not there or not executable: the next folder of the PATH is tried.
    return false
  }
}

const assertVersion = (text: string): void => {
  const [, major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(text) ?? []).map(Number)
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return
  throw worktreeBlocked('git_too_old', `${text.trim()}: worktrees need git ${OLDEST.join('.')} or newer`)
}

const runGit = async (binary: string, cwd: string, args: readonly string[], deadline: number): Promise<GitAnswer> => {
  const timeoutMs = Math.max(1, deadline - performance.now())
  const run = { binary, args: [...SETTINGS, ...args], cwd, env: gitEnv(), timeoutMs }
  const end = await runBounded(run).catch((cause: Error) => {
    throw worktreeBlocked('git_failed', `git cannot run in ${cwd}: ${cause.message}`)
  })
  if (end.timedOut) throw worktreeBlocked('git_timeout', `git ${verbOf(args)} did not finish in time (BRIDGE_GIT_TIMEOUT_MS)`)
  const { code, stdout, stderr } = end
  if (code === null) throw worktreeBlocked('git_failed', `git ${verbOf(args)} was ended by a signal`)
  return { code, stdout, stderr }
}

const failed = (args: readonly string[], { code, stderr }: GitAnswer): BridgeError =>
  worktreeBlocked('git_failed', `git ${verbOf(args)} ended with ${code}: ${stderr.trim().slice(-STDERR_CHARS)}`)

const verbOf = (args: readonly string[]): string => args.find((arg) => !arg.startsWith('-')) ?? ''

/** The environment without variables that could point git at another repository, prompt a person or translate its messages. */
const gitEnv = (): Record<string, string> => ({
  ...childEnv(process.env, (name) => name.startsWith('GIT_') || name.startsWith('SSH_ASKPASS')),
  LC_ALL: 'C',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: 'false',
  GIT_EDITOR: 'false',
  GIT_SSH_COMMAND: 'ssh -o BatchMode=yes',
  GIT_OPTIONAL_LOCKS: '0',
})
