import { readdirSync, readFileSync } from 'node:fs'
import { isAlive, type ProcessIdentity, readProcessIdentity } from './process-identity.ts'

/** Environment variable that every descendant of one app-server inherits; its value is unique per app-server. */
export const PROCESS_MARK_VARIABLE = 'CODEX_BRIDGE_PROCESS_MARK'

/** A process that is being killed may have forked just before; its child shows in the next pass. */
const MAX_PASSES = 5

/**
 * Kills (SIGKILL) every process that carries this mark in its environment, whatever group, session or parent it has by now.
 *
 * For what an app-server leaves behind when it is itself killed: SIGKILL within the few milliseconds in which codex sets up a
 * sandbox leaves the command running as an orphan in a session of its own (seen with 0.169.0). A process that changed its environment
 * block escapes; nothing foreign can be hit, since the mark is random. Linux only: elsewhere nothing is found.
 * @returns the processes that were killed
 */
export function reapMarkedProcesses(mark: string): ProcessIdentity[] {
  const killed: ProcessIdentity[] = []
  if (process.platform !== 'linux' || mark === '') {
    return killed
  }
  for (let pass = 0; pass < MAX_PASSES; pass += 1) {
    const found = findMarkedProcesses(mark).filter(({ pid }) => killed.every((earlier) => earlier.pid !== pid))
    if (found.length === 0) {
      break
    }
    for (const identity of found) {
      if (isAlive(identity) && kill(identity.pid)) {
        killed.push(identity)
      }
    }
  }
  return killed
}

/** Living processes that carry this mark, this process excluded. */
export function findMarkedProcesses(mark: string): ProcessIdentity[] {
  const entry = `${PROCESS_MARK_VARIABLE}=${mark}`
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      // Identity first: should the pid be reused in between, the later check of the identity fails.
      const identity = readProcessIdentity(Number(name))
      return identity && environmentOf(name).includes(entry) ? [identity] : []
    })
}

function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
  } catch {
    // Gone, or another user's.
    return []
  }
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch {
    return false
  }
}
