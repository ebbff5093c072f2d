import { spawnSync } from 'node:child_process'
import { findExecutable } from './executable.ts'

let prefix: readonly string[] | undefined

/**
 * Command prefix that makes the kernel kill a child when this process dies, however it dies. Empty where the system has none
 * (macOS). The kernel watches the thread that started the child: a child started in a worker thread ends with that thread.
 */
export const parentDeathPrefix = (): readonly string[] => {
  prefix ??= findPrefix()
  return prefix
}

/** Tried, not only looked up: the setpriv of busybox lacks the option. */
const findPrefix = (): readonly string[] => {
  const setpriv = process.platform === 'linux' ? findExecutable('setpriv') : undefined
  if (setpriv === undefined) return []
  const options = ['--pdeathsig', 'KILL', '--']
  return spawnSync(setpriv, [...options, 'true'], { stdio: 'ignore' }).status === 0 ? [setpriv, ...options] : []
}
