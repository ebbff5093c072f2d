import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isObject, reapMarkedProcesses } from '@codex-bridge/codex-client'
import { killGroup, type ProcessIdentity } from '@codex-bridge/platform'

/** A stored app-server. `mark` is in the environment of everything it started. */
type Child = ProcessIdentity & { mark: string }

/**
 * One small file per codex child of this runner, written right after the spawn: the second defence against orphans. The first is
 * that a child ends with its stdin. A child that hangs does not, and the next start of the runner finds it here.
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

  /** Ends what an earlier run of this runner left behind, also commands in their own sessions. A reused pid is not touched. @returns the pids ended */
  reap(): number[] {
    const reaped: number[] = []
    for (const name of readdirSync(this.#folder)) {
      const child = read(join(this.#folder, name))
      if (child && killGroup(child, 'SIGKILL')) reaped.push(child.pid)
      if (child) reaped.push(...reapMarkedProcesses(child.mark).map(({ pid }) => pid))
      rmSync(join(this.#folder, name), { force: true })
    }
    return reaped
  }

  #file(pid: number): string {
    return join(this.#folder, `${pid}.json`)
  }
}

/** A file that cannot be read was cut off in the middle of a write, and is removed like any other. */
const read = (file: string): Child | undefined => {
  try {
    const stored: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (!isObject(stored) || typeof stored['pid'] !== 'number') return
    const { host, pid, startTime, mark } = stored
    return {
      host: typeof host === 'string' ? host : '',
      pid,
      startTime: typeof startTime === 'number' ? startTime : null,
      mark: typeof mark === 'string' ? mark : '',
    }
  } catch {
    return
  }
}
