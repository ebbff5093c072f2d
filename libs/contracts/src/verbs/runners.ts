import { Type } from 'typebox'
import { RunnerInfo } from '../codex/runner.ts'
import { HostSnapshot, PathCheck } from '../codex/running.ts'
import { LaneId, Nullable } from '../foundation/ids.ts'
import { LaneState, LaneWorktree } from '../lanes/lane.ts'
import { WorktreeOutcome, WorktreePlan } from '../lanes/worktree.ts'
import { AppServerCall, SessionReply } from './sessions.ts'
import { CommandId, verbsOf } from './verb.ts'

const commandId = { commandId: CommandId }
const ofWorktree = { laneId: LaneId, incarnation: Type.String(), repoRoot: Type.String(), worktree: LaneWorktree }

/** lane.cmd.runner.*: answered by one of the runners. */
export const Runners = verbsOf('runner', {
  /** A runner with free capacity takes the lane: lease, epoch, process, thread. Answers when the session is live or has failed. */
  claim: { request: Type.Object({ ...commandId, lane: LaneState }), reply: SessionReply },
  /** As claim, for a session whose owner is gone: records the loss first, then resumes by policy. */
  recover: { request: Type.Object({ ...commandId, lane: LaneState }), reply: SessionReply },
  /** Whether and where a worktree can be created. Changes nothing. */
  planWorktree: {
    request: Type.Object({ laneId: LaneId, repoRoot: Type.String(), branch: Nullable(Type.String()) }),
    reply: WorktreePlan,
  },
  /** Creates a planned worktree, or completes one that was half created. */
  createWorktree: { request: Type.Object({ ...commandId, ...ofWorktree }), reply: WorktreePlan },
  /** Removes the worktree if no work would be lost. */
  removeWorktree: { request: Type.Object({ ...commandId, ...ofWorktree }), reply: WorktreeOutcome },
})

/** lane.cmd.codex.*: `call` is answered by one runner, the rest by every runner for itself. */
export const Codex = verbsOf('codex', {
  /** Version, home, login and load of the runner. */
  describeRunner: { request: Type.Object({}), reply: RunnerInfo },
  /** The Codex processes and held threads that the runner sees on its host. */
  running: { request: Type.Object({}), reply: HostSnapshot },
  /** Which of these folders the runner cannot see. */
  checkPaths: {
    request: Type.Object({ paths: Type.Array(Type.String({ pattern: '^/', maxLength: 4096 }), { maxItems: 500 }) }),
    reply: PathCheck,
  },
  /** An app-server call for a thread that no lane holds, or for none. The result is Codex's, unchecked. */
  call: { request: AppServerCall, reply: Type.Unknown() },
})
