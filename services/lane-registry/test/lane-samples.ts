import { type ApprovalsState, type EventOf, schemaOf } from '@codex-bridge/contracts'
import { BUILT_AT, approvalsState as buildApprovals, laneState, liveSession } from '@codex-bridge/testkit'

export { laneState } from '@codex-bridge/testkit'

export const NOW = BUILT_AT

export const sessionState = liveSession

export const approvalsState = (pending: number, more: Partial<ApprovalsState> = {}): ApprovalsState =>
  buildApprovals({
    pending: Array.from({ length: pending }, (_, index) => ({ approvalId: `apr_${index}` }) as ApprovalsState['pending'][number]),
    ...more,
  })

/** An event of a lane, with the state that fits its aggregate unless another is given. */
export const eventOf = (
  type: string,
  seq: number,
  payload: Record<string, unknown> = {},
  state?: object,
): EventOf<'session' | 'approval'> => {
  const aggregate = schemaOf(type)?.aggregate
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
    state: state ?? fitting,
    // Tests give the parts of payload and state that matter to them.
  } as EventOf<'session' | 'approval'>
}

export const activeTurn = (turnId: string | null = 'turn-1') => ({ commandId: 'cmd', turnId, requestedAt: NOW, startedAt: null })
