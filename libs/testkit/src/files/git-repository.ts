import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const AUTHOR = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@example.test', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@example.test' }

/** A real repository with one commit on `main`. */
export class TestRepository {
  readonly root: string

  constructor(root: string) {
    this.root = root
    mkdirSync(root, { recursive: true })
    this.git('init', '-q', '-b', 'main')
    this.commit('first', { 'file.txt': 'first\n', 'folder/other.txt': 'other\n' })
  }

  git(...args: string[]): string {
    return this.in(this.root, ...args)
  }

  /** Runs git in a folder, as a person would. */
  in(folder: string, ...args: string[]): string {
    return execFileSync('git', args, {
      cwd: folder,
      env: { ...process.env, ...AUTHOR },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }

  commit(message: string, files: Record<string, string>, folder = this.root): string {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    this.in(folder, 'add', '--all')
    this.in(folder, 'commit', '-q', '-m', message)
    return this.in(folder, 'rev-parse', 'HEAD').trim()
  }

  branches(): string[] {
    return this.git('for-each-ref', '--format=%(refname:short)', 'refs/heads').split('\n').filter(Boolean)
  }

  worktrees(): string[] {
    return this.git('worktree', 'list', '--porcelain')
      .split('\n')
      .filter((line) => line.startsWith('worktree '))
      .map((line) => line.slice('worktree '.length))
  }

  /** Folder where git keeps the data of a worktree. */
  data(name: string): string {
    return join(this.root, '.git', 'worktrees', name)
  }
}
