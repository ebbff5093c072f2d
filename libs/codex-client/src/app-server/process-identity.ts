import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * A process, safe against reuse of its pid. `startTime` is opaque text to compare, fit to be stored:
 * `linux:<boot id>:<clock ticks since boot>` on Linux, `ps:<start date, whole seconds>` elsewhere.
 */
export interface ProcessIdentity {
  pid: number
  startTime: string
}

interface ProcStat {
  state: string
  startTimeTicks: number
}

/** Seconds-exact `ps` is asked synchronously, so it must not take long. */
const PS_TIMEOUT_MS = 2000

/**
 * Identity of a running process; undefined when there is none (zombies count as gone) or when the platform cannot tell.
 * Linux reads /proc; elsewhere `ps -o lstart` is used, whose one-second resolution makes the proof weaker.
 */
export function readProcessIdentity(pid: number): ProcessIdentity | undefined {
  if (!isPid(pid)) {
    return
  }
  const startTime = process.platform === 'linux' ? linuxStartTime(pid) : psStartTime(pid)
  return startTime === undefined ? undefined : { pid, startTime }
}

/** Start time in clock ticks since boot (field 22 of /proc/<pid>/stat); undefined off Linux or when the process is gone. */
export function readStartTimeTicks(pid: number): number | undefined {
  return process.platform === 'linux' && isPid(pid) ? readProcStat(pid)?.startTimeTicks : undefined
}

/** True when exactly this process runs. False also when the platform cannot prove it. */
export function isAlive(identity: ProcessIdentity): boolean {
  return readProcessIdentity(identity.pid)?.startTime === identity.startTime
}

/**
 * Sends a signal to the process group led by this process, only while the process is proven to be the one meant.
 * The proof and the signal are two system calls: between them the pid could be reused only by a full turn of the pid counter.
 * @returns false when nothing was sent (another process, gone, no leader of a group, not permitted)
 */
export function killGroup(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  return isAlive(identity) && signalGroup(identity.pid, signal)
}

/**
 * Sends a signal to a process group without a proof of identity; `0` only asks whether the group exists.
 * For a group whose leader this process has just reaped: its id stays taken while it has members.
 * @returns false when there is no such group or it may not be signalled
 */
export function signalGroup(pgid: number, signal: NodeJS.Signals | 0): boolean {
  // kill(-1) and kill(-0) mean "everybody" and "my own group".
  if (!isPid(pgid)) {
    return false
  }
  try {
    process.kill(-pgid, signal)
    return true
  } catch {
    return false
  }
}

/**
 * Reads state and start time from the text of /proc/<pid>/stat. The command name is in parentheses and may hold spaces and
 * parentheses itself, so fields are counted from the last `)`.
 */
export function parseProcStat(text: string): ProcStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state] = fields
  // Field 3 of the line is the first one here, so field 22 has index 19.
  const startTimeTicks = Number(fields[19])
  return state && Number.isInteger(startTimeTicks) ? { state, startTimeTicks } : undefined
}

function isPid(pid: number): boolean {
  return Number.isInteger(pid) && pid > 1
}

function readProcStat(pid: number): ProcStat | undefined {
  try {
    const stat = parseProcStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
    return stat && stat.state !== 'Z' && stat.state !== 'X' ? stat : undefined
  } catch {
    return
  }
}

function linuxStartTime(pid: number): string | undefined {
  const stat = readProcStat(pid)
  return stat ? `linux:${bootId()}:${stat.startTimeTicks}` : undefined
}

/** Ticks count from boot: after a reboot the same pid and ticks may be another process. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    return 'unknown'
  }
}

function psStartTime(pid: number): string | undefined {
  try {
    const output = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: PS_TIMEOUT_MS,
    })
    const [state, ...date] = output.trim().split(/\s+/)
    return state && !state.startsWith('Z') && date.length > 0 ? `ps:${date.join(' ')}` : undefined
  } catch {
    return
  }
}
