import { type Static, Type } from 'typebox'
import { LaneId, Nullable, Timestamp } from '../foundation/ids.ts'
import { CommandRecord } from '../sessions/command-record.ts'

export const LANE_STATUSES = [
  'idle',
  'starting',
  'running',
  'needs_approval',
  'verifying',
  'done',
  'failed',
  'blocked',
  'interrupted',
] as const
export const LaneStatus = Type.Enum([...LANE_STATUSES])
export type LaneStatus = (typeof LANE_STATUSES)[number]

export const ReadinessMode = Type.Enum(['strict', 'lenient'])
export type ReadinessMode = Static<typeof ReadinessMode>
export const PreferredSurface = Type.Enum(['mac-app', 'vscode', 'cli', 'any'])
export type PreferredSurface = Static<typeof PreferredSurface>
export const Surface = Type.Enum(['mac-app', 'vscode', 'cli', 'unknown'])
export type Surface = Static<typeof Surface>

/** Why a lane has its status: a code of the closed list in the docs, words for a person, optional evidence. */
export const StatusReason = Type.Object({
  code: Type.String(),
  message: Type.String(),
  details: Type.Optional(Type.Unknown()),
})
export type StatusReason = Static<typeof StatusReason>

const AbsolutePath = Type.String({ pattern: '^/', maxLength: 4096, description: 'Absolute path on the runner' })
const Lines = (what: string) => Type.Array(Type.String({ minLength: 1, maxLength: 8192 }), { maxItems: 64, description: what })

/** What a client may say about a lane when it creates one. */
export const laneFields = {
  projectId: Type.String({ minLength: 1, maxLength: 256 }),
  title: Type.String({ minLength: 1, maxLength: 512, description: 'Becomes the name of the thread' }),
  repoRoot: AbsolutePath,
  branch: Type.String({ minLength: 1, maxLength: 512 }),
  worktreePath: AbsolutePath,
  threadId: Type.String({ minLength: 1, maxLength: 128 }),
  model: Type.String({ minLength: 1, maxLength: 128 }),
  readinessMode: ReadinessMode,
  preferredSurface: PreferredSurface,
  requirePreferredSurface: Type.Boolean(),
  acceptanceCriteria: Lines('Given to the thread as developer instructions and returned with the completion'),
  verificationCommands: Lines('Run by the bridge in the workspace after a completed turn'),
}

/** The process that has a thread open for writing, as far as it can be seen. */
export const ThreadWriter = Type.Object({
  pid: Nullable(Type.Integer()),
  surface: Type.Enum(['mac-app', 'vscode', 'cli', 'bridge', 'unknown']),
  /** Start of that process; it may have opened the thread later. */
  since: Nullable(Timestamp),
})
export type ThreadWriter = Static<typeof ThreadWriter>

/** A lane's thread and workspace as the watcher, or the attachment, last saw them. */
export const ThreadSeen = Type.Object({
  name: Nullable(Type.String()),
  branch: Nullable(Type.String()),
  /** Codex's own time of the last change, Unix seconds. */
  updatedAt: Nullable(Type.Integer()),
  archived: Type.Boolean(),
  /** Codex no longer knows the thread. */
  missing: Type.Boolean(),
  /** Who else has it open; null while nobody has. */
  writer: Nullable(ThreadWriter),
  workspaceMissing: Type.Boolean(),
})
export type ThreadSeen = Static<typeof ThreadSeen>

/**
 * A git worktree that the bridge made for the lane and gives up with it. A worktree that a person named (`worktreePath` alone) is
 * never described so, and never touched. `requested`: stored, and made by the next command that needs it; `removing`: likewise.
 */
export const LaneWorktree = Type.Object({
  path: Type.String({ description: 'Absolute path on the runner' }),
  branch: Type.String(),
  branchCreated: Type.Boolean({ description: 'The bridge made the branch too' }),
  base: Type.String({ description: 'Commit the worktree began at' }),
  state: Type.Enum(['requested', 'ready', 'removing']),
})
export type LaneWorktree = Static<typeof LaneWorktree>

/** Post-state of the lane aggregate, carried by every event on `lane.evt.{laneId}.lane`. */
export const LaneState = Type.Object({
  laneId: LaneId,
  /** Id of the `lane.created` event: tells a re-created lane apart from its predecessor of the same id. */
  incarnation: Type.String(),
  projectId: Nullable(laneFields.projectId),
  title: Nullable(laneFields.title),
  repoRoot: Nullable(laneFields.repoRoot),
  branch: Nullable(laneFields.branch),
  worktreePath: Nullable(laneFields.worktreePath),
  /** Absent in states stored before the bridge made worktrees: the same as null. */
  worktree: Type.Optional(Nullable(LaneWorktree)),
  threadId: Nullable(laneFields.threadId),
  model: Nullable(laneFields.model),
  readinessMode: ReadinessMode,
  preferredSurface: PreferredSurface,
  requirePreferredSurface: Type.Boolean(),
  surface: Surface,
  /** Absent in states stored before there was a watcher: the same as null. */
  thread: Type.Optional(Nullable(ThreadSeen)),
  acceptanceCriteria: laneFields.acceptanceCriteria,
  verificationCommands: laneFields.verificationCommands,
  status: LaneStatus,
  statusReason: Nullable(StatusReason),
  statusSince: Timestamp,
  /** While a sub-agent's question covers it: what the lane came to by itself, shown again when that is settled. Absent: null. */
  resting: Type.Optional(Nullable(Type.Object({ status: LaneStatus, reason: Nullable(StatusReason) }))),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  deleted: Type.Boolean(),
  /** Stream sequence of the last session or approval event folded into the status: makes re-processing a no-op. */
  appliedSeq: Type.Integer({ minimum: 0 }),
  commands: Type.Array(CommandRecord),
})
export type LaneState = Static<typeof LaneState>

/** A lane as the API shows it: the lane aggregate joined with what its session and approvals say. */
export const Lane = Type.Object(
  {
    laneId: LaneId,
    projectId: LaneState.properties.projectId,
    title: LaneState.properties.title,
    repoRoot: LaneState.properties.repoRoot,
    branch: LaneState.properties.branch,
    worktreePath: LaneState.properties.worktreePath,
    worktree: Type.Optional(Nullable(LaneWorktree)),
    threadId: LaneState.properties.threadId,
    model: LaneState.properties.model,
    status: LaneStatus,
    statusReason: LaneState.properties.statusReason,
    statusSince: Timestamp,
    blockedReason: Nullable(StatusReason),
    activeTurnId: Nullable(Type.String()),
    sessionRunning: Type.Boolean(),
    pendingApprovals: Type.Integer({ minimum: 0 }),
    readinessMode: ReadinessMode,
    preferredSurface: PreferredSurface,
    requirePreferredSurface: Type.Boolean(),
    surface: Surface,
    thread: Type.Optional(Nullable(ThreadSeen)),
    acceptanceCriteria: laneFields.acceptanceCriteria,
    verificationCommands: laneFields.verificationCommands,
    createdAt: Timestamp,
    updatedAt: Timestamp,
    seq: Type.Integer({ minimum: 0, description: 'Stream sequence of the last event shown here; usable as minSeq' }),
  },
  { $id: 'Lane', description: 'A unit of work and its live context' },
)
export type Lane = Static<typeof Lane>
