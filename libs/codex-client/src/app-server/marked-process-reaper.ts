import { readdirSync, readFileSync } from 'node:fs'
import { type ProcessIdentity, processIdentity, processStatus } from '@codex-bridge/platform'

/** Environment variable that all descendants of an app-server inherit. Its value is unique per app-server. */
export const PROCESS_MARK_VARIABLE = 'CODEX_BRIDGE_PROCESS_MARK'

/** A process may fork just before it is killed; the next pass finds its child. */
const MAX_PASSES = 5

/**
 * Kills (SIGKILL) every process with this mark in its environment, whatever its group, session or parent.
 *
 * A killed app-server can leave processes behind: SIGKILL in the few milliseconds in which codex sets up a sandbox leaves the
 * command running as an orphan in its own session (seen with 0.169.0). A process that changed its environment block escapes.
 * No other process can be hit, because the mark is random. Linux only; elsewhere nothing is found.
 * @returns the processes that were killed
 */
export const reapMarkedProcesses = (mark: string): ProcessIdentity[] => {
  const killed: ProcessIdentity[] = []
  if (process.platform !== 'linux' || mark === '') return killed
  for (let pass = 0; pass < MAX_PASSES; pass += 1) {
    const found = findMarkedProcesses(mark).filter(({ pid }) => killed.every((earlier) => earlier.pid !== pid))
    if (found.length === 0) break
    for (const identity of found) {
      if (processStatus(identity) === 'alive' && kill(identity.pid)) killed.push(identity)
    }
  }
  return killed
}

/** Running processes with this mark, except this one. */
export const findMarkedProcesses = (mark: string): ProcessIdentity[] => {
  const entry = `${PROCESS_MARK_VARIABLE}=${mark}`
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      // Identity first: if the pid is reused in between, the later check of the identity fails.
      const identity = processIdentity(Number(name))
      return identity && environmentOf(name).includes(entry) ? [identity] : []
    })
}

const environmentOf = (pid: string): string[] => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
  } catch {
    // The process is gone or belongs to another user.
    return []
  }
}

const kill = (pid: number): boolean => {
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch {
    // It ended on its own.
    return false
  }
}
