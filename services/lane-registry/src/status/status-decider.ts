import type { Version } from '@codex-bridge/bus'
import type { ApprovalEvent, LaneState, PayloadOf, SessionEvent } from '@codex-bridge/contracts'
import { draft, type LaneDraft } from '../lanes/lane-decider.ts'
import { decideWaiting, type Surroundings } from './approval-overlay.ts'
import { nextStatus } from './lane-status.ts'
import { statusEventType } from './status-reducer.ts'

/** The lane after the lane events that answer a session or approval event. Pure; the same object when the event needs no answer. */
export const stateAfter = (
  lane: { state: LaneState; seq: number },
  around: Surroundings,
  event: SessionEvent | ApprovalEvent,
): LaneState => {
  const reduced = decideFromEvent(lane, event, event.ts)?.state ?? lane.state
  return decideWaiting({ state: reduced, seq: lane.seq }, around, event, event.ts)?.state ?? reduced
}

/**
 * What a session or approval event changes about its lane.
 * @returns undefined when it changes nothing, was applied before, or belongs to another incarnation
 */
export const decideFromEvent = (version: Version<LaneState>, event: SessionEvent | ApprovalEvent, now: string): LaneDraft | undefined => {
  const lane = version.state
  if (!lane || lane.deleted || event.seq <= lane.appliedSeq) return
  if (event.state.incarnation !== lane.incarnation) return
  const next = nextStatus(lane, { kind: 'event', event }, now)
  const threadId = (event.type.startsWith('lane.session.') && 'threadId' in event.state && event.state.threadId) || lane.threadId
  // A second failure in a row is news although the status stays the same; a second turn of a running lane is not.
  const isStillRunning = next?.status === 'running' && (lane.resting?.status ?? lane.status) === 'running'
  if ((!next || isStillRunning) && threadId === lane.threadId) return
  const state: LaneState = {
    ...lane,
    threadId,
    ...(threadId !== lane.threadId && { thread: null }),
    ...next,
    updatedAt: now,
    appliedSeq: event.seq,
  }
  const type = next ? statusEventType(next.status) : 'lane.updated'
  const payload = statusPayload(lane, state, event)
  const { sessionId } = event
  const news =
    type === 'lane.completed'
      ? draft(type, state, { ...payload, ...outcome(event), acceptanceCriteria: state.acceptanceCriteria }, sessionId)
      : draft(type, state, payload, sessionId)
  return { ...news, ...(event.turnId !== undefined && { turnId: event.turnId }) }
}

const statusPayload = (before: LaneState, after: LaneState, event: SessionEvent | ApprovalEvent): PayloadOf<'lane.status.changed'> => ({
  from: before.status,
  to: after.status,
  reason: after.statusReason,
  cause: { eventId: event.id, seq: event.seq, type: event.type },
  ...(event.turnId !== undefined && { turnId: event.turnId }),
})

/** What the completion of a lane takes from the event that ended its work. */
const outcome = (event: SessionEvent | ApprovalEvent): Pick<PayloadOf<'lane.completed'>, 'finalMessage' | 'usage' | 'verification'> => {
  const ended = event.type === 'lane.turn.completed' || event.type === 'lane.verification.completed'
  return {
    finalMessage: ended ? event.payload.finalMessage : null,
    usage: (event.type === 'lane.turn.completed' && event.payload.usage) || null,
    verification: (event.type === 'lane.verification.completed' && event.payload.results) || null,
  }
}
