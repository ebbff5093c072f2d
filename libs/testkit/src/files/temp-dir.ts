import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onProcessEnd } from '../processes/process-end.ts'

/** A directory of its own for one test or server. */
export type TempDir = {
  readonly path: string
  /** Removes the directory with its content; a second call does nothing. */
  cleanup(): void
}

const liveDirectories = new Set<string>()
let endHookInstalled = false

const remove = (path: string): void => {
  liveDirectories.delete(path)
  rmSync(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 20 })
}

const removeAll = (): void => {
  for (const path of liveDirectories) {
    try {
      remove(path)
    } catch {
      // A process that still writes there must not stop the others from being removed.
    }
  }
}

/**
 * Creates a fresh directory below the system's temp directory. What is not cleaned up by the caller goes when the
 * process ends. The path is resolved (macOS has a symlink there), so that it compares equal with what children report.
 */
export const createTempDir = (prefix = 'bridge-test-'): TempDir => {
  if (!endHookInstalled) {
    endHookInstalled = true
    onProcessEnd(removeAll)
  }
  const path = realpathSync(mkdtempSync(join(tmpdir(), prefix)))
  liveDirectories.add(path)
  return { path, cleanup: () => remove(path) }
}
