/**
 * A lock file that names the process holding it, so that the lock of a dead process can be taken over.
 * Plain JavaScript: the local start needs it before anything is built.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostIdentity, processIdentity, processStatus } from './process-identity.mjs'

/** @import { ProcessIdentity } from './process-identity.mjs' */

/**
 * The content of a lock file: its process, and what the holder wrote beside it.
 * @typedef {ProcessIdentity & Record<string, unknown>} LockHolder
 */

const WAIT_MS = 200

/**
 * @param {string} path
 * @returns {string | undefined} undefined when there is no such file
 */
const readText = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error
  }
}

/**
 * @param {string | undefined} text
 * @returns {LockHolder | undefined}
 */
const parseHolder = (text) => {
  try {
    const holder = JSON.parse(text ?? '')
    return typeof holder?.pid === 'number' && typeof holder.host === 'string' ? holder : undefined
  } catch {
    return
  }
}

/**
 * True when the holder is gone: provably, or because it ran on this machine before a reboot or in an earlier container.
 * @param {LockHolder} holder
 */
const isStale = (holder) => {
  if (processStatus(holder) === 'dead') return true
  const [machine] = holder.host.split('/')
  // A lock without a start time was not written by this version; whether its process runs cannot be told.
  return machine === hostname() && holder.host !== hostIdentity() && typeof holder.startTime === 'number'
}

/**
 * Removes a stale lock, unless another process has replaced it in the meantime.
 * @param {string} path
 * @param {string} stale text of the lock
 */
const removeStale = (path, stale) => {
  const aside = `${path}.stale.${process.pid}`
  try {
    renameSync(path, aside)
  } catch {
    return // Another process was faster.
  }
  try {
    if (readText(aside) !== stale) linkSync(aside, path)
  } finally {
    rmSync(aside, { force: true })
  }
}

/**
 * Who holds a lock, whether or not that process still runs.
 * @param {string} path
 */
export const readLock = (path) => parseHolder(readText(path))

/**
 * Takes a lock for this process. A stale lock is taken over, and a file that is no lock is replaced.
 * @param {string} path in an existing folder
 * @param {Record<string, unknown>} [details] written beside the identity of the process, for those who find the lock held
 * @returns {{ release: () => void } | { holder: LockHolder }}
 */
export const tryLock = (path, details = {}) => {
  const own = processIdentity(process.pid)
  if (!own) throw new Error('This system does not tell the start time of a process (neither /proc nor ps)')
  const content = JSON.stringify({ ...own, ...details })
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, content, { mode: 0o600 })
  try {
    for (;;) {
      try {
        // Linking a complete file makes the lock and its content appear in one step.
        linkSync(draft, path)
        return { release: () => readText(path) === content && rmSync(path, { force: true }) }
      } catch (error) {
        if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error
      }
      const text = readText(path)
      const holder = parseHolder(text)
      if (holder && !isStale(holder)) return { holder }
      // Every round in which the lock is not taken, another process has taken or released it.
      if (text !== undefined) removeStale(path, text)
    }
  } finally {
    rmSync(draft, { force: true })
  }
}

/**
 * Runs `work` while holding a lock; waits for it as long as another process holds it.
 * @template T
 * @param {string} path in an existing folder
 * @param {(holder: LockHolder) => void} onWait called once if the lock is held
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export const withFileLock = async (path, onWait, work) => {
  let lock = tryLock(path)
  if ('holder' in lock) onWait(lock.holder)
  while ('holder' in lock) {
    await sleep(WAIT_MS)
    lock = tryLock(path)
  }
  const { release } = lock
  process.once('exit', release)
  try {
    return await work()
  } finally {
    process.off('exit', release)
    release()
  }
}
