import { spawnSync } from 'node:child_process'
import { findExecutable } from '../servers/executable-finder.ts'

let prefix: readonly string[] | undefined

/**
 * The command prefix that makes the kernel kill a child when this process dies, however it dies; empty where the system has none
 * (macOS): there services leave when their stdin closes, and the next start or stop ends what is left. The kernel watches the thread
 * that started the child: do not start a bridge in a worker thread that ends before it.
 */
export const deathBinding = (): readonly string[] => {
  if (prefix === undefined) {
    const setpriv = process.platform === 'linux' ? findExecutable('setpriv') : undefined
    const wanted = setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'KILL', '--']
    const [command, ...args] = wanted
    prefix = command !== undefined && spawnSync(command, [...args, 'true'], { stdio: 'ignore' }).status === 0 ? wanted : []
  }
  return prefix
}
