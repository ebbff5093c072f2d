import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { LaneState } from '@codex-bridge/contracts'
import type { RunnerContext } from '../runner-context.ts'
import { stopped } from '../sessions/session-decider.ts'
import type { SessionStore } from '../sessions/session-store.ts'
import { workspaceError } from './workspace-policy.ts'

/**
 * The folder a lane works in: its worktree or repository, else its own scratch folder.
 * @throws BridgeError `readiness_blocked` for a folder that is missing or not allowed; the session is then stored as stopped
 */
export const chooseWorkspace = async ({ config, workspaces }: RunnerContext, lane: LaneState, store: SessionStore): Promise<string> => {
  const wanted = lane.worktreePath ?? lane.repoRoot
  if (wanted === null) {
    const scratch = resolve(join(config.BRIDGE_DATA_DIR, 'workspaces', lane.laneId))
    mkdirSync(scratch, { recursive: true })
    return scratch
  }
  for (const path of [lane.repoRoot, lane.worktreePath]) {
    const problem = path === null ? undefined : workspaces.check(path)
    if (!problem) continue
    await store.append((state) => stopped(state, 'start_failed', problem))
    throw workspaceError(problem)
  }
  return wanted
}
