import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { identityOf, type ProcessIdentity, processStatus } from '../../bootstrap/process-identity.mjs'
import { readJsonFile } from './private-file.ts'

/** Who runs a data folder, and where it listens. */
export type LockContent = ProcessIdentity & { since: string; url: string }

/** The data folder is in use. `holder` runs, or may run on another machine. */
export class BridgeRunsError extends Error {
  override readonly name = 'BridgeRunsError'
}

const TAKEOVERS_TRIED = 5

/** The lock's content; undefined when nobody holds it. */
export const readLock = (path: string): LockContent | undefined => {
  const content = readJsonFile(path) as Partial<LockContent> | undefined
  return typeof content?.pid === 'number' && typeof content.startTime === 'string' ? (content as LockContent) : undefined
}

const refusal = (dataDir: string, lockFile: string, holder: LockContent): string =>
  processStatus(holder) === 'alive'
    ? `A bridge already runs with the data in ${dataDir}: process ${holder.pid}, ${holder.url}, since ${holder.since}.
Stop it with \`npm run stop\`, or start a second one beside it: BRIDGE_DATA_DIR=<another folder> PORT=<another port> npm start`
    : `The data in ${dataDir} is in use by process ${holder.pid} of the machine ${holder.host}, since ${holder.since}.
If nothing runs there any more, remove ${lockFile}.`

/** Takes a stale lock away, unless somebody else has replaced it in the meantime. */
const dropStale = (path: string, stale: LockContent): void => {
  const aside = `${path}.stale.${process.pid}`
  try {
    renameSync(path, aside)
  } catch {
    return // Another start was faster.
  }
  const moved = readLock(aside)
  try {
    if (moved && (moved.pid !== stale.pid || moved.startTime !== stale.startTime)) linkSync(aside, path)
  } finally {
    rmSync(aside, { force: true })
  }
}

/**
 * Takes the lock of a data folder for this process. A lock whose process is provably dead is taken over.
 * @returns how to give it back
 * @throws BridgeRunsError with a message for the operator
 */
export const takeLock = (path: string, dataDir: string, url: string): (() => void) => {
  const own = identityOf(process.pid)
  if (!own) throw new Error('This system does not tell the start time of a process (neither /proc nor ps)')
  const content: LockContent = { ...own, since: new Date().toISOString(), url }
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, JSON.stringify(content), { mode: 0o600 })
  try {
    for (let attempt = 0; attempt < TAKEOVERS_TRIED; attempt += 1) {
      try {
        // Linking a complete file makes the lock and its content appear in one step.
        linkSync(draft, path)
        return () => release(path, content)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const holder = readLock(path)
      if (holder && processStatus(holder) !== 'dead') throw new BridgeRunsError(refusal(dataDir, path, holder))
      if (holder) dropStale(path, holder)
      else dropUnreadable(path)
    }
    throw new BridgeRunsError(`Several starts compete for ${dataDir}; try again`)
  } finally {
    rmSync(draft, { force: true })
  }
}

/** A lock is linked when complete, so text that is no lock was not written by a bridge. */
const dropUnreadable = (path: string): void => {
  try {
    readFileSync(path)
  } catch {
    return // Given back between the two looks.
  }
  if (readLock(path) === undefined) rmSync(path, { force: true })
}

const release = (path: string, content: LockContent): void => {
  const holder = readLock(path)
  if (holder?.pid === content.pid && holder.startTime === content.startTime) rmSync(path, { force: true })
}
