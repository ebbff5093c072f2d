/**
 * Identity of a process that survives pid reuse, a reboot, and a folder shared with other machines.
 * Plain JavaScript: the local start needs it before anything is built.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { readProcStat } from './proc-stat.mjs'

/**
 * @typedef {object} ProcessIdentity
 * @property {string} host where the pid means something, see `hostIdentity`
 * @property {number} pid
 * @property {number | null} startTime opaque number to compare; null where the system does not tell
 */

/** @typedef {'alive' | 'dead' | 'unknown'} ProcessStatus */

/** `ps` is called synchronously, so it must not take long. */
const PS_TIMEOUT_MS = 2000

/**
 * @param {() => string} read
 * @returns {string} empty where the system has no such thing
 */
const orEmpty = (read) => {
  try {
    return read()
  } catch {
    return ''
  }
}

const bootId = () => orEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim().slice(0, 8))
const pidNamespace = () => orEmpty(() => readlinkSync('/proc/self/ns/pid'))

/** Names the set of processes visible from here: machine, boot and pid namespace, joined by `/`. Pids mean something only inside one. */
export const hostIdentity = () => [hostname(), bootId(), pidNamespace()].filter(Boolean).join('/')

/**
 * @param {number} pid
 * @returns {number | undefined}
 */
const linuxStartTime = (pid) => {
  const stat = readProcStat(pid)
  return stat && stat.state !== 'Z' && stat.state !== 'X' ? stat.startTicks : undefined
}

/**
 * A resolution of one second makes this proof weaker than that of /proc.
 * @param {number} pid
 * @returns {number | undefined}
 */
const psStartTime = (pid) => {
  const text = orEmpty(() =>
    execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: PS_TIMEOUT_MS,
    }),
  )
  return parsePsLine(text)
}

/**
 * @param {string} text of `ps -o stat=,lstart=` in the C locale and UTC, such as `Ss  Fri Nov 27 14:45:32 2026`
 * @returns {number | undefined} seconds since 1970
 */
export const parsePsLine = (text) => {
  const [state = '', ...date] = text.trim().split(/\s+/)
  const startedAt = Date.parse(`${date.join(' ')} UTC`) / 1000
  return state.startsWith('Z') || Number.isNaN(startedAt) ? undefined : startedAt
}

/**
 * Start time of a running process: clock ticks since boot on Linux, seconds since 1970 elsewhere.
 * @param {number} pid
 * @returns {number | undefined} undefined when there is none (a zombie counts as gone) or the system does not tell
 */
export const startTimeOf = (pid) => {
  if (!Number.isInteger(pid) || pid < 1) return
  return process.platform === 'linux' ? linuxStartTime(pid) : psStartTime(pid)
}

/**
 * @param {number} pid of this machine
 * @returns {ProcessIdentity | undefined} undefined when it is gone or the system does not tell
 */
export const processIdentity = (pid) => {
  const startTime = startTimeOf(pid)
  return startTime === undefined ? undefined : { host: hostIdentity(), pid, startTime }
}

/** @returns {ProcessIdentity} */
export const ownIdentity = () => ({ host: hostIdentity(), pid: process.pid, startTime: startTimeOf(process.pid) ?? null })

/**
 * Whether exactly this process still runs. `unknown` when its host cannot be seen from here or start times cannot be compared.
 * @param {ProcessIdentity} identity
 * @returns {ProcessStatus}
 */
export const processStatus = (identity) => {
  if (identity.host !== hostIdentity() || typeof identity.startTime !== 'number' || startTimeOf(process.pid) === undefined) return 'unknown'
  return startTimeOf(identity.pid) === identity.startTime ? 'alive' : 'dead'
}
