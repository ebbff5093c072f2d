import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive, killGroup, type ProcessIdentity } from '@codex-bridge/codex-client'

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

  add(identity: ProcessIdentity): void {
    writeFileSync(this.#file(identity.pid), JSON.stringify(identity), { mode: 0o600 })
  }

  remove(pid: number): void {
    rmSync(this.#file(pid), { force: true })
  }

  /** Ends what an earlier run of this runner left behind. A reused pid is not touched. @returns the pids ended */
  reap(): number[] {
    const reaped: number[] = []
    for (const name of readdirSync(this.#folder)) {
      const identity = read(join(this.#folder, name))
      if (identity && isAlive(identity) && killGroup(identity, 'SIGKILL')) reaped.push(identity.pid)
      rmSync(join(this.#folder, name), { force: true })
    }
    return reaped
  }

  #file(pid: number): string {
    return join(this.#folder, `${pid}.json`)
  }
}

const read = (file: string): ProcessIdentity | undefined => {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<ProcessIdentity>
    return typeof value.pid === 'number' && typeof value.startTime === 'string' ? (value as ProcessIdentity) : undefined
  } catch {
    return
  }
}
