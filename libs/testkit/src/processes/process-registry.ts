import { spawnSync } from 'node:child_process'
import { findExecutable } from './executable.ts'
import { onProcessEnd } from './process-end.ts'

const liveGroups = new Set<number>()
let endHookInstalled = false
let deathBinding: readonly string[] | undefined

/** Sends a signal to a whole process group; false when no such group is left. */
export const signalGroup = (groupId: number, signal: NodeJS.Signals): boolean => {
  try {
    process.kill(-groupId, signal)
    return true
  } catch {
    return false
  }
}

const killEveryGroup = (): void => {
  for (const groupId of liveGroups) signalGroup(groupId, 'SIGKILL')
  liveGroups.clear()
}

/** Adds a process group to those that are killed when this process ends. */
export const registerGroup = (groupId: number): void => {
  if (!endHookInstalled) {
    endHookInstalled = true
    onProcessEnd(killEveryGroup)
  }
  liveGroups.add(groupId)
}

/** Takes a process group out again. Needed when its leader is gone, because the system may reuse the number. */
export const unregisterGroup = (groupId: number): void => {
  liveGroups.delete(groupId)
}

/**
 * The command prefix that binds a child's life to its parent's, also when the parent is killed with SIGKILL; empty where
 * the system has none. The kernel watches the parent's thread: a child started in a worker thread ends with that thread.
 */
export const parentDeathPrefix = (): readonly string[] => {
  if (deathBinding === undefined) {
    const setpriv = process.platform === 'linux' ? findExecutable('setpriv') : undefined
    const prefix = setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'KILL', '--']
    const [command, ...args] = prefix
    const works = command !== undefined && spawnSync(command, [...args, 'true'], { stdio: 'ignore' }).status === 0
    deathBinding = works ? prefix : []
  }
  return deathBinding
}
