import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onProcessEnd } from '../processes/process-end.ts'

/** A separate directory for one test or server. */
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
      // A process that still writes to one must not prevent the removal of the others.
    }
  }
}

/**
 * Creates an empty directory in the system's temp directory. If the caller does not clean it up, it is removed when the
 * process ends. The path is resolved (macOS has a symlink there), so that it equals the path children report.
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
