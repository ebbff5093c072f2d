import { randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** A process named so that neither a reused pid nor another machine's process is mistaken for it. */
export type Identity = { host: string; pid: number; startTime: number | null }

/** Fields of /proc/<pid>/stat after the command name, counted from 0; 19 is the start time in clock ticks since boot. */
const START_TIME_FIELD = 19

/** Start time of a process, null where it is gone or the system has no /proc. */
export const startTimeOf = (pid: number): number | null => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command name is in parentheses and may contain anything, so count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z') return null
    return Number(fields[START_TIME_FIELD])
  } catch {
    return null
  }
}

const link = (path: string): string => {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

const bootId = (): string => {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim().slice(0, 8)
  } catch {
    return ''
  }
}

/** A name for "the processes I can see": machine, boot and pid namespace. Pids mean something only inside one. */
export const hostIdentity = (): string => [hostname(), bootId(), link('/proc/self/ns/pid')].filter(Boolean).join('/')

export const ownIdentity = (): Identity => ({ host: hostIdentity(), pid: process.pid, startTime: startTimeOf(process.pid) })

/** Proof that a process is gone: same host, and its pid is free or belongs to a later process. Unsure is false. */
export const isProvablyDead = (identity: Identity): boolean => {
  if (identity.host !== hostIdentity() || identity.startTime === null || startTimeOf(process.pid) === null) return false
  return startTimeOf(identity.pid) !== identity.startTime
}

/** A fresh name for this run of a process. */
export const newInstanceId = (): string => randomBytes(6).toString('hex')
