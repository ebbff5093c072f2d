/**
 * Names a process so that neither a reused pid, nor a reboot, nor another machine that shares the folder is mistaken for it.
 * Plain JavaScript without packages: start.mjs needs it before anything is installed or built.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Index of the start time (field 22) after the command name, which ends with the last `)` and may hold spaces itself. */
const START_TIME_FIELD = 19
const PS_TIMEOUT_MS = 2000

const attempt = (read) => {
  try {
    return read()
  } catch {
    return ''
  }
}

/** Where pids mean what they mean here: machine, boot and pid namespace. */
const here = () => ({
  host: hostname(),
  boot: attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()),
  namespace: attempt(() => readlinkSync('/proc/self/ns/pid')),
})

const linuxStartTime = (pid) => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? '' : fields[START_TIME_FIELD]
}

const psStartTime = (pid) => {
  const text = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: PS_TIMEOUT_MS,
  })
  const [state, ...date] = text.trim().split(/\s+/)
  return state.startsWith('Z') ? '' : date.join(' ')
}

/** Start time of a running process as opaque text; empty when there is none (a zombie counts as gone). */
export const startTimeOf = (pid) => attempt(() => (process.platform === 'linux' ? linuxStartTime(pid) : psStartTime(pid)))

/** The identity of a process of this machine, fit to be stored; undefined when it is gone. */
export const identityOf = (pid) => {
  const startTime = startTimeOf(pid)
  return startTime === '' ? undefined : { pid, startTime, ...here() }
}

/**
 * Whether the process of a stored identity still runs. `unknown`: it was written on another machine, whose processes cannot be seen
 * from here.
 */
export const processStatus = (identity) => {
  const { host, boot, namespace } = here()
  if (identity.boot === boot && identity.namespace === namespace) return startTimeOf(identity.pid) === identity.startTime ? 'alive' : 'dead'
  return identity.host === host ? 'dead' : 'unknown'
}
