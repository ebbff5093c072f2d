import { type LockHolder, processStatus, tryLock } from '@codex-bridge/platform'

/** The data folder is in use, by a process that runs here or may run on another machine. */
export class BridgeRunsError extends Error {
  override readonly name = 'BridgeRunsError'
}

const refusal = (dataDir: string, lockFile: string, holder: LockHolder): string =>
  processStatus(holder) === 'alive'
    ? `A bridge already runs with the data in ${dataDir}: process ${holder.pid}, ${holder['url']}, since ${holder['since']}.
Stop it with \`npm run stop\`, or start a second one beside it: BRIDGE_DATA_DIR=<another folder> PORT=<another port> npm start`
    : `The data in ${dataDir} is in use by process ${holder.pid} of the machine ${holder.host.split('/')[0]}, since ${holder['since']}.
If nothing runs there any more, remove ${lockFile}.`

/**
 * Locks a data folder for this process. The lock of a dead process is taken over.
 * @param url where this bridge listens, shown to others who want the folder
 * @returns how to release it
 * @throws BridgeRunsError with a message for the operator
 */
export const takeLock = (path: string, dataDir: string, url: string): (() => void) => {
  const lock = tryLock(path, { since: new Date().toISOString(), url })
  if ('holder' in lock) throw new BridgeRunsError(refusal(dataDir, path, lock.holder))
  return lock.release
}
