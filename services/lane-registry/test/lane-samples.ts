import { type ApprovalsState, aggregateOf, type BridgeEvent, type LaneState, type SessionState } from '@codex-bridge/contracts'

export const NOW = '2026-01-01T00:00:00.000Z'

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
  statusSince: NOW,
  createdAt: NOW,
  updatedAt: NOW,
  deleted: false,
  appliedSeq: 0,
  commands: [],
  ...more,
})

export const sessionState = (more: Partial<SessionState> = {}): SessionState => ({
  laneId: 'a',
  incarnation: 'evt_a',
  phase: 'live',
  epoch: 1,
  runnerId: 'runner-1',
  home: '/home/dev/.codex',
  process: null,
  codexVersion: null,
  threadId: null,
  threadStored: false,
  startedAt: NOW,
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

export const approvalsState = (pending: number, more: Partial<ApprovalsState> = {}): ApprovalsState => ({
  laneId: 'a',
  incarnation: 'evt_a',
  pending: Array.from({ length: pending }, (_, index) => ({ approvalId: `apr_${index}` }) as ApprovalsState['pending'][number]),
  ended: [],
  appliedSeq: 0,
  ...more,
})

/** An event of a lane, with the state that fits its aggregate unless another is given. */
export const eventOf = (type: string, seq: number, payload: Record<string, unknown> = {}, state?: object): BridgeEvent => {
  const aggregate = aggregateOf(type)
  const fitting = aggregate === 'lane' ? laneState() : aggregate === 'approval' ? approvalsState(0) : sessionState()
  return {
    seq,
    id: `evt_${seq}`,
    ts: NOW,
    type,
    laneId: 'a',
    threadId: null,
    sessionId: 'a',
    payload,
    state: (state ?? fitting) as Record<string, unknown>,
  }
}

export const activeTurn = (turnId: string | null = 'turn-1') => ({ commandId: 'cmd', turnId, requestedAt: NOW, startedAt: null })
