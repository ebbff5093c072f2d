import { existsSync } from 'node:fs'
import { type LockHolder, poll, processStatus, readLock } from '@codex-bridge/platform'
import { reapOrphans } from '../supervision/orphan-reaper.ts'
import { takeLock } from './bridge-lock.ts'
import { createLayout, layoutOf } from './data-layout.ts'

/** Longer than an ordinary stop in which one process hangs until its grace time is over. */
const STOP_TIMEOUT_MS = 60_000
const POLL_MS = 50
const REAP_GRACE_MS = 5000

/** `orphans`: the bridge itself was gone, processes it had started were not. */
export type StopResult = 'stopped' | 'orphans' | 'nothing'

const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // It ended after it was last seen.
  }
}

const stopHolder = async (holder: LockHolder): Promise<void> => {
  const isGone = (): boolean => processStatus(holder) !== 'alive'
  signal(holder.pid, 'SIGTERM')
  if (await poll(isGone, { timeoutMs: STOP_TIMEOUT_MS, everyMs: POLL_MS })) return
  signal(holder.pid, 'SIGKILL')
  await poll(isGone, { timeoutMs: STOP_TIMEOUT_MS, everyMs: POLL_MS })
}

/**
 * Stops the bridge of a data folder and what a killed one left behind, by the identities in its lock and run files.
 * @throws BridgeRunsError when the folder is in use on another machine
 */
export const stopBridge = async (dataDir: string): Promise<StopResult> => {
  const layout = layoutOf(dataDir)
  const holder = readLock(layout.lockFile)
  const wasRunning = holder !== undefined && processStatus(holder) === 'alive'
  if (wasRunning) await stopHolder(holder)
  if (!(holder || existsSync(layout.runDir))) return 'nothing'
  createLayout(layout)
  const release = takeLock(layout.lockFile, layout.dataDir, 'being stopped')
  try {
    const orphans = await reapOrphans(layout.runDir, REAP_GRACE_MS)
    return wasRunning ? 'stopped' : orphans.length > 0 ? 'orphans' : 'nothing'
  } finally {
    release()
  }
}
