import type { LaneState, SessionState } from '@codex-bridge/contracts'

/** A session that was never claimed. */
const initialSession = (lane: LaneState): SessionState => ({
  laneId: lane.laneId,
  incarnation: lane.incarnation,
  phase: 'none',
  epoch: 0,
  runnerId: null,
  home: null,
  process: null,
  codexVersion: null,
  threadId: lane.threadId,
  threadStored: lane.threadId !== null,
  attached: lane.threadId !== null,
  startedAt: null,
  readinessMode: lane.readinessMode,
  readinessDeferred: false,
  readinessReason: null,
  activeTurn: null,
  verifying: null,
  requests: [],
  stopReason: null,
  commands: [],
})

/** The state to continue from: a lane that was created again under an old id starts from the initial one. */
export const sessionOf = (lane: LaneState, stored: SessionState | undefined): SessionState =>
  stored?.incarnation === lane.incarnation ? stored : initialSession(lane)
