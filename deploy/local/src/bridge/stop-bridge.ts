import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { processStatus } from '../../bootstrap/process-identity.mjs'
import { reapOrphans } from '../supervision/orphan-reaper.ts'
import { readLock, takeLock } from './bridge-lock.ts'
import { createLayout, layoutOf } from './data-layout.ts'

/** Longer than every process of a bridge may take one after the other in the ordinary case of one that hangs. */
const STOP_TIMEOUT_MS = 60_000
const POLL_MS = 50
const REAP_GRACE_MS = 5000

export type StopResult = 'stopped' | 'leftovers' | 'nothing'

const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // Ended between the look and the signal.
  }
}

/**
 * Stops the bridge of a data folder, or what a killed one left, by the identities in its lock and run files.
 * @throws Error when the folder is in use on another machine
 */
export const stopBridge = async (dataDir: string): Promise<StopResult> => {
  const layout = layoutOf(dataDir)
  const holder = readLock(layout.lockFile)
  const wasRunning = holder !== undefined && processStatus(holder) === 'alive'
  if (wasRunning) {
    signal(holder.pid, 'SIGTERM')
    const deadline = performance.now() + STOP_TIMEOUT_MS
    while (processStatus(holder) === 'alive' && performance.now() < deadline) await sleep(POLL_MS)
    if (processStatus(holder) === 'alive') signal(holder.pid, 'SIGKILL')
    while (processStatus(holder) === 'alive') await sleep(POLL_MS)
  }
  if (!(holder || existsSync(layout.runDir))) return 'nothing'
  createLayout(layout)
  const release = takeLock(layout.lockFile, layout.dataDir, 'being stopped')
  try {
    const left = await reapOrphans(layout.runDir, REAP_GRACE_MS)
    return wasRunning ? 'stopped' : left.length > 0 ? 'leftovers' : 'nothing'
  } finally {
    release()
  }
}
