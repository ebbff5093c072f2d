import { readdirSync, readFileSync } from 'node:fs'
import { readProcStat, startTimeOf } from '@codex-bridge/platform'

/** A process as /proc shows it. `pid` alone may be reused; `pid` and `startTime` together name one process. */
export type ProcessInfo = {
  readonly pid: number
  readonly ppid: number
  /** One letter, `Z` for a zombie. */
  readonly state: string
  readonly cmdline: readonly string[]
  /** Clock ticks since boot. */
  readonly startTime: number
}

/** False where there is no /proc (macOS, Windows): the functions here throw then. */
export const canListProcesses: boolean = process.platform === 'linux'

const readProcess = (pid: number): ProcessInfo | undefined => {
  const stat = readProcStat(pid)
  if (!stat) return
  try {
    const cmdline = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return { pid, ppid: stat.ppid, state: stat.state, cmdline: cmdline.slice(0, -1), startTime: stat.startTicks }
  } catch {
    return // It ended while it was being read.
  }
}

/** All processes of the machine visible to this user, zombies included. */
export const listProcesses = (): ProcessInfo[] => {
  if (!canListProcesses) throw new Error(`listing processes needs /proc, which ${process.platform} does not have`)
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((entry) => readProcess(Number(entry)))
    .filter((info) => info !== undefined)
}

/** Running processes (no zombies) that match the predicate, except this one. */
export const findProcesses = (predicate: (info: ProcessInfo) => boolean): ProcessInfo[] =>
  listProcesses().filter((info) => info.state !== 'Z' && info.pid !== process.pid && predicate(info))

/** The environment a process was started with; undefined if it is gone or belongs to another user. */
export const readEnvironment = (pid: number): Record<string, string> | undefined => {
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .filter((entry) => entry.includes('='))
    return Object.fromEntries(
      entries.map((entry) => {
        const split = entry.indexOf('=')
        return [entry.slice(0, split), entry.slice(split + 1)]
      }),
    )
  } catch {
    return undefined
  }
}

/** Running `codex app-server` processes with the given CODEX_HOME. */
export const findAppServers = (codexHome: string): ProcessInfo[] =>
  findProcesses((info) => info.cmdline.includes('app-server') && readEnvironment(info.pid)?.CODEX_HOME === codexHome)

/** True when every thread of the process is stopped (SIGSTOP), which takes a moment after the signal was sent. */
export const isStopped = (pid: number): boolean => {
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) => readProcStat(pid, thread)?.state === 'T')
  } catch {
    return false
  }
}

/** True while exactly this process lives. */
export const isAlive = ({ pid, startTime }: Pick<ProcessInfo, 'pid' | 'startTime'>): boolean => startTimeOf(pid) === startTime
