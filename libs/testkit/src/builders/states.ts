import type { ApprovalsState, LaneState, OpenRequest, SessionState } from '@codex-bridge/contracts'

/** Time of everything the builders make. */
export const BUILT_AT = '2026-01-01T00:00:00.000Z'

/** An idle lane `a` without a thread. */
export const laneState = (more: Partial<LaneState> = {}): LaneState => ({
  laneId: 'a',
  incarnation: 'evt_a',
  projectId: null,
  title: null,
  repoRoot: null,
  branch: null,
  worktreePath: null,
  threadId: null,
  model: null,
  readinessMode: 'lenient',
  preferredSurface: 'any',
  requirePreferredSurface: false,
  surface: 'unknown',
  acceptanceCriteria: [],
  verificationCommands: [],
  status: 'idle',
  statusReason: null,
  statusSince: BUILT_AT,
  createdAt: BUILT_AT,
  updatedAt: BUILT_AT,
  deleted: false,
  appliedSeq: 0,
  commands: [],
  ...more,
})

/** The session of lane `a` before its first claim. */
export const sessionState = (more: Partial<SessionState> = {}): SessionState => ({
  laneId: 'a',
  incarnation: 'evt_a',
  phase: 'none',
  epoch: 0,
  runnerId: null,
  home: null,
  process: null,
  codexVersion: null,
  threadId: null,
  threadStored: false,
  startedAt: null,
  readinessMode: 'lenient',
  readinessDeferred: false,
  readinessReason: null,
  activeTurn: null,
  verifying: null,
  requests: [],
  stopReason: null,
  commands: [],
  ...more,
})

/** The session of lane `a` with a running process. */
export const liveSession = (more: Partial<SessionState> = {}): SessionState =>
  sessionState({ phase: 'live', epoch: 1, runnerId: 'runner-1', home: '/home/dev/.codex', startedAt: BUILT_AT, ...more })

/** A request of Codex that waits for a decision. */
export const openRequest = (approvalId: string, more: Partial<OpenRequest> = {}): OpenRequest => ({
  requestId: 1,
  approvalId,
  kind: 'command',
  threadId: 'thread-1',
  turnId: 'turn-1',
  itemId: 'item-1',
  ...more,
})

/** The approvals of lane `a`, none by default. */
export const approvalsState = (more: Partial<ApprovalsState> = {}): ApprovalsState => ({
  laneId: 'a',
  incarnation: 'evt_a',
  pending: [],
  ended: [],
  appliedSeq: 0,
  ...more,
})
