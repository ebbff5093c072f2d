import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive, killGroup, type ProcessIdentity, reapMarkedProcesses } from '@codex-bridge/codex-client'

/** An app-server as written down: `mark` is in the environment of everything it started. */
type Child = ProcessIdentity & { mark: string }

/**
 * One small file per codex child of this runner, written right after the spawn: the second line against orphans. The first
 * is that a child ends with its stdin; a child that hangs does not, and is found here by the runner's next start.
 */
export class ChildRegistry {
  readonly #folder: string

  constructor(dataDir: string, runnerId: string) {
    this.#folder = join(dataDir, 'run', 'children', runnerId)
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
  }

  add(identity: ProcessIdentity, mark: string): void {
    writeFileSync(this.#file(identity.pid), JSON.stringify({ ...identity, mark } satisfies Child), { mode: 0o600 })
  }

  remove(pid: number): void {
    rmSync(this.#file(pid), { force: true })
  }

  /** Ends what an earlier run of this runner left behind, commands in sessions of their own too. A reused pid is not touched. @returns the pids ended */
  reap(): number[] {
    const reaped: number[] = []
    for (const name of readdirSync(this.#folder)) {
      const child = read(join(this.#folder, name))
      if (child && isAlive(child) && killGroup(child, 'SIGKILL')) reaped.push(child.pid)
      if (child) reaped.push(...reapMarkedProcesses(child.mark).map(({ pid }) => pid))
      rmSync(join(this.#folder, name), { force: true })
    }
    return reaped
  }

  #file(pid: number): string {
    return join(this.#folder, `${pid}.json`)
  }
}

const read = (file: string): Child | undefined => {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<Child>
    return typeof value.pid === 'number' && typeof value.startTime === 'string'
      ? { ...(value as Child), mark: value.mark ?? '' }
      : undefined
  } catch {
    return
  }
}
