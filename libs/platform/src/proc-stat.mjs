import { readFileSync } from 'node:fs'

/**
 * A process or thread as Linux shows it in /proc.
 * @typedef {object} ProcStat
 * @property {string} state one letter; `Z` and `X` are dead
 * @property {number} ppid
 * @property {number} startTicks start time, in clock ticks (10 ms) since boot
 * @property {number} cpuTicks user and system time, in clock ticks (10 ms)
 */

/** Positions after the command name; the manual's numbers, which count from 1 and from the pid, are 4, 14, 15 and 22. */
const PPID = 1
const USER_TIME = 11
const SYSTEM_TIME = 12
const START_TIME = 19

/**
 * @param {string} text of /proc/<pid>/stat
 * @returns {ProcStat | undefined}
 */
export const parseProcStat = (text) => {
  // The command name is in parentheses and may hold spaces and parentheses itself, so fields are counted from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state] = fields
  const startTicks = Number(fields[START_TIME])
  if (!(state && Number.isInteger(startTicks))) return
  return { state, ppid: Number(fields[PPID]), startTicks, cpuTicks: Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME]) }
}

/**
 * @param {number} pid
 * @param {string} [thread] a thread of the process
 * @returns {ProcStat | undefined} undefined when it is gone or the system has no /proc
 */
export const readProcStat = (pid, thread) => {
  try {
    return parseProcStat(readFileSync(thread === undefined ? `/proc/${pid}/stat` : `/proc/${pid}/task/${thread}/stat`, 'latin1'))
  } catch {
    return
  }
}
