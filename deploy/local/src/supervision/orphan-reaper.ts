import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { killGroup, type ProcessIdentity, poll, processStatus } from '@codex-bridge/platform'
import { readJsonFile } from '../bridge/private-file.ts'

const POLL_MS = 50
/** A killed process is gone within milliseconds, unless the kernel holds it in a disk access. */
const KILL_TIMEOUT_MS = 30_000

type Orphan = { file: string; name: string; identity: ProcessIdentity }

const readOrphans = (runDir: string): Orphan[] => {
  let files: string[]
  try {
    files = readdirSync(runDir).filter((file) => file.endsWith('.json'))
  } catch {
    return []
  }
  return files.flatMap((file) => {
    const path = join(runDir, file)
    const content = readJsonFile(path) as (Partial<ProcessIdentity> & { name?: string }) | undefined
    if (typeof content?.pid !== 'number' || typeof content.host !== 'string') return []
    return [{ file: path, name: content.name ?? file, identity: content as ProcessIdentity }]
  })
}

/**
 * Ends processes of an earlier bridge of this data folder, recognised by pid and start time, never by name. Only the holder of the
 * lock may call it.
 * @returns the names of those that were still running
 */
export const reapOrphans = async (runDir: string, graceMs: number): Promise<string[]> => {
  const orphans = readOrphans(runDir)
  const isAlive = ({ identity }: Orphan): boolean => processStatus(identity) === 'alive'
  const running = orphans.filter(isAlive)
  const allGone = (): boolean => !running.some(isAlive)
  for (const { identity } of running) killGroup(identity, graceMs > 0 ? 'SIGTERM' : 'SIGKILL')
  if (!(await poll(allGone, { timeoutMs: graceMs, everyMs: POLL_MS }))) {
    for (const { identity } of running) killGroup(identity, 'SIGKILL')
    await poll(allGone, { timeoutMs: KILL_TIMEOUT_MS, everyMs: POLL_MS })
  }
  for (const { file } of orphans) rmSync(file, { force: true })
  return running.map(({ name }) => name)
}
