import type { ApprovalsState, Lane, LaneState, Session, SessionState } from '@codex-bridge/contracts'

/** The states of a lane's aggregates and the newest sequence among them. */
export type LaneAggregates = {
  lane: LaneState
  session: SessionState | undefined
  approvals: ApprovalsState | undefined
  seq: number
}

/** Phases in which an app-server process belongs to the lane. */
export const isLive = (session: SessionState | undefined): boolean => session?.phase === 'live' || session?.phase === 'claimed'

const ofIncarnation = <S extends { incarnation: string }>(state: S | undefined, lane: LaneState): S | undefined =>
  state?.incarnation === lane.incarnation ? state : undefined

/** The thread of a lane: its session's, else the one it is attached to. */
export const threadOf = ({ lane, session }: Pick<LaneAggregates, 'lane' | 'session'>): string | null => session?.threadId ?? lane.threadId

/** The lane as the API shows it. */
export const laneView = (aggregates: LaneAggregates): Lane => {
  const { lane } = aggregates
  const session = ofIncarnation(aggregates.session, lane)
  const approvals = ofIncarnation(aggregates.approvals, lane)
  return {
    laneId: lane.laneId,
    projectId: lane.projectId,
    title: lane.title,
    repoRoot: lane.repoRoot,
    branch: lane.branch,
    worktreePath: lane.worktreePath,
    worktree: lane.worktree ?? null,
    threadId: lane.threadId ?? session?.threadId ?? null,
    model: lane.model,
    status: lane.status,
    statusReason: lane.statusReason,
    statusSince: lane.statusSince,
    blockedReason: lane.status === 'blocked' ? lane.statusReason : null,
    activeTurnId: session?.activeTurn?.turnId ?? null,
    sessionRunning: session?.phase === 'live',
    pendingApprovals: approvals?.pending.length ?? 0,
    readinessMode: lane.readinessMode,
    preferredSurface: lane.preferredSurface,
    requirePreferredSurface: lane.requirePreferredSurface,
    surface: lane.surface,
    // While a session of ours has the thread, whoever had it before has let go.
    thread: lane.thread ? { ...lane.thread, writer: isLive(session) && !session?.readinessDeferred ? null : lane.thread.writer } : null,
    acceptanceCriteria: lane.acceptanceCriteria,
    verificationCommands: lane.verificationCommands,
    createdAt: lane.createdAt,
    updatedAt: lane.updatedAt,
    seq: aggregates.seq,
  }
}

/** The session as the API shows it; a lane that never had one gets the empty form. */
export const sessionView = (aggregates: LaneAggregates): Session => {
  const session = ofIncarnation(aggregates.session, aggregates.lane)
  return {
    laneId: aggregates.lane.laneId,
    running: session?.phase === 'live',
    threadId: session?.threadId ?? aggregates.lane.threadId,
    startedAt: session?.phase === 'live' ? session.startedAt : null,
    pendingRequests: session?.requests.length ?? 0,
    activeTurnId: session?.activeTurn?.turnId ?? null,
    readinessMode: session?.readinessMode ?? aggregates.lane.readinessMode,
    readinessDeferred: session?.readinessDeferred ?? false,
    readinessReason: session?.readinessReason ?? null,
    subAgents: session?.subAgents ?? [],
    phase: session?.phase ?? 'none',
    epoch: session?.epoch ?? 0,
    runnerId: session?.runnerId ?? null,
    pid: session?.process?.pid ?? null,
    codexVersion: session?.codexVersion ?? null,
    stopReason: session?.stopReason ?? null,
    seq: aggregates.seq,
  }
}

const texts = new WeakMap<LaneAggregates, { lane?: string; session?: string }>()

const textOf = (aggregates: LaneAggregates, kind: 'lane' | 'session', view: (aggregates: LaneAggregates) => unknown): string => {
  const known = texts.get(aggregates) ?? {}
  known[kind] ??= JSON.stringify(view(aggregates))
  texts.set(aggregates, known)
  return known[kind]
}

/** JSON text of `laneView`, made once per version of the lane. */
export const laneJson = (aggregates: LaneAggregates): string => textOf(aggregates, 'lane', laneView)

/** JSON text of `sessionView`, made once per version of the lane. */
export const sessionJson = (aggregates: LaneAggregates): string => textOf(aggregates, 'session', sessionView)
