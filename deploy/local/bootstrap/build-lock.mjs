/** One installation or build at a time per folder; others wait for it. */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { identityOf, processStatus } from './process-identity.mjs'

const POLL_MS = 200

const readHolder = (path) => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return
  }
}

/** Linking a complete file makes the lock and its content appear in one step. */
const take = (path) => {
  const draft = `${path}.${process.pid}`
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(draft, JSON.stringify(identityOf(process.pid)))
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    return false
  } finally {
    rmSync(draft, { force: true })
  }
}

const dropStale = (path) => {
  const aside = `${path}.stale.${process.pid}`
  try {
    renameSync(path, aside)
  } catch {
    return // Another waiter was faster.
  }
  rmSync(aside, { force: true })
}

/** Runs `work` while holding the lock at `path`. `say` hears once when another process holds it. */
export const withBuildLock = async (path, say, work) => {
  let told = false
  while (!take(path)) {
    const holder = readHolder(path)
    if (holder && processStatus(holder) === 'dead') dropStale(path)
    else if (!told && holder) {
      told = true
      say(`Another start (process ${holder.pid}) is installing or building in this folder; waiting for it`)
    }
    await sleep(POLL_MS)
  }
  const release = () => rmSync(path, { force: true })
  process.once('exit', release)
  try {
    return await work()
  } finally {
    process.off('exit', release)
    release()
  }
}
