import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ProcessIdentity, processStatus } from '../../bootstrap/process-identity.mjs'
import { readJsonFile } from '../bridge/private-file.ts'

const POLL_MS = 50

type Leftover = { file: string; name: string; identity: ProcessIdentity }

const readLeftovers = (runDir: string): Leftover[] => {
  let files: string[]
  try {
    files = readdirSync(runDir).filter((file) => file.endsWith('.json'))
  } catch {
    return []
  }
  return files.flatMap((file) => {
    const path = join(runDir, file)
    const content = readJsonFile(path) as (Partial<ProcessIdentity> & { name?: string }) | undefined
    if (typeof content?.pid !== 'number' || typeof content.startTime !== 'string') return []
    return [{ file: path, name: content.name ?? file, identity: content as ProcessIdentity }]
  })
}

const signalGroup = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(-pid, signal)
  } catch {
    // Ended between the look and the signal.
  }
}

/**
 * Ends processes of an earlier bridge of this data folder, known by pid and start time, never by name. To be called by the holder of
 * the lock only.
 * @returns the names of those that were still running
 */
export const reapOrphans = async (runDir: string, graceMs: number): Promise<string[]> => {
  const leftovers = readLeftovers(runDir)
  const isAlive = ({ identity }: Leftover): boolean => processStatus(identity) === 'alive'
  const running = leftovers.filter(isAlive)
  for (const { identity } of running) signalGroup(identity.pid, graceMs > 0 ? 'SIGTERM' : 'SIGKILL')
  const deadline = performance.now() + graceMs
  while (running.some(isAlive) && performance.now() < deadline) await sleep(POLL_MS)
  for (const leftover of running) if (isAlive(leftover)) signalGroup(leftover.identity.pid, 'SIGKILL')
  while (running.some(isAlive)) await sleep(POLL_MS)
  for (const { file } of leftovers) rmSync(file, { force: true })
  return running.map(({ name }) => name)
}
