import { type ApprovalsState, type EventOf, guard, isEventOf, LaneState, type LaneStatus, type SessionState } from '@codex-bridge/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyHappening, type Happening } from '../../test/event-samples.ts'
import { eventOf, laneState } from '../../test/lane-samples.ts'
import { decideWaiting } from '../status/approval-overlay.ts'
import { decideFromEvent } from '../status/status-decider.ts'
import { LIVE_STATUSES } from '../status/status-reducer.ts'
import type { LaneDraft } from './lane-decider.ts'
import { laneView } from './lane-view.ts'

type AnyEvent = EventOf<'session' | 'approval'>

/** What the projector has in memory of one lane, and what it said. */
type Memory = {
  lane: LaneState
  session: { state: SessionState; seq: number } | undefined
  approvals: { state: ApprovalsState; seq: number } | undefined
}

const at = (seq: number): string => new Date(Date.UTC(2026, 0, 1) + seq * 1000).toISOString()
const EMPTY: Memory = { lane: laneState(), session: undefined, approvals: undefined }

/** One event as the projector folds it: absorbed unless something newer is known, then what follows from it, one by one. */
const fold = (memory: Memory, event: AnyEvent): { memory: Memory; said: LaneDraft[] } => {
  const { seq } = event
  const next = { ...memory }
  if (isEventOf(event, 'session') && (next.session?.seq ?? 0) < seq) next.session = { state: event.state, seq }
  if (isEventOf(event, 'approval') && (next.approvals?.seq ?? 0) < seq) next.approvals = { state: event.state, seq }
  const said: LaneDraft[] = []
  const answer = (draft: LaneDraft | undefined) => {
    if (!draft) return
    said.push(draft)
    next.lane = draft.state
  }
  answer(decideFromEvent({ state: next.lane, seq: 0 }, event, at(seq)))
  answer(decideWaiting({ state: next.lane, seq: 0 }, { session: next.session?.state, approvals: next.approvals?.state }, event, at(seq)))
  return { memory: next, said }
}

const foldAll = (events: readonly AnyEvent[], start = EMPTY): { memory: Memory; said: LaneDraft[] } => {
  let memory = start
  const said: LaneDraft[] = []
  for (const event of events) {
    const step = fold(memory, event)
    memory = step.memory
    said.push(...step.said)
  }
  return { memory, said }
}

const stored = (happenings: readonly Happening[]): AnyEvent[] =>
  happenings.map(({ type, payload, state }, index) =>
    eventOf(type, 10 + index * 3, payload, { ...state, laneId: 'a', incarnation: laneState().incarnation }),
  )

const histories = fc.array(anyHappening, { maxLength: 40 }).map(stored)
const RUNS = { numRuns: 500 }

const WITH_REASON: ReadonlySet<LaneStatus> = new Set(['needs_approval', 'failed', 'blocked', 'interrupted'])
const WITHOUT_REASON: ReadonlySet<LaneStatus> = new Set(['starting', 'running', 'verifying', 'done'])

/** A process is there or on its way; a lost one whose turn is open is followed by the end of that turn and by nothing else. */
const isBacked = (session: SessionState | undefined): boolean =>
  session?.phase === 'live' || session?.phase === 'claimed' || (session?.phase === 'lost' && session.activeTurn !== null)

describe('over real events in any order', () => {
  it('no status is shown without its reason and the moment it began', () => {
    const isState = guard(LaneState)
    fc.assert(
      fc.property(histories, (events) => {
        let memory = EMPTY
        for (const event of events) {
          const before = memory.lane
          memory = fold(memory, event).memory
          const { lane } = memory
          expect(isState(lane)).toBe(true)
          const { status, statusReason, statusSince, updatedAt, resting } = lane
          if (WITH_REASON.has(status)) {
            expect([status, typeof statusReason?.code, typeof statusReason?.message]).toEqual([status, 'string', 'string'])
          }
          if (WITHOUT_REASON.has(status)) expect([status, statusReason]).toEqual([status, null])
          if (status !== before.status) expect(statusSince).toBe(at(event.seq))
          expect(statusSince <= updatedAt).toBe(true)
          if (resting)
            expect([status, resting.reason !== null]).toEqual([
              'needs_approval',
              WITH_REASON.has(resting.status) || resting.reason !== null,
            ])
          const view = laneView({ lane, session: memory.session?.state, approvals: memory.approvals?.state, seq: event.seq })
          expect(view.blockedReason).toEqual(status === 'blocked' ? statusReason : null)
        }
      }),
      RUNS,
    )
  })

  it('no status claims that something goes on without a session', () => {
    fc.assert(
      fc.property(histories, (events) => {
        let memory = EMPTY
        for (const event of events) {
          memory = fold(memory, event).memory
          const session = memory.session?.state
          if (LIVE_STATUSES.has(memory.lane.status)) expect([memory.lane.status, session?.phase, isBacked(session)]).toContain(true)
        }
      }),
      RUNS,
    )
  })

  it('a question of a sub-agent in a live session is never hidden, and none is shown that is settled', () => {
    fc.assert(
      fc.property(histories, (events) => {
        let memory = EMPTY
        for (const event of events) {
          memory = fold(memory, event).memory
          const open =
            memory.session?.state.phase === 'live' && memory.session.state.requests.some(({ approvalId }) => approvalId === 'apr_child')
          const waits = open && memory.approvals?.state.pending.some(({ approvalId }) => approvalId === 'apr_child')
          if (waits && memory.lane.status !== 'starting') expect(memory.lane.status).toBe('needs_approval')
          if (!waits) expect(memory.lane.resting ?? null).toBeNull()
        }
      }),
      RUNS,
    )
  })

  it('what a lane came to by itself does not depend on what its sub-agents ask', () => {
    fc.assert(
      fc.property(histories, (events) => {
        let memory = EMPTY
        let alone = EMPTY.lane
        for (const event of events) {
          memory = fold(memory, event).memory
          alone = decideFromEvent({ state: alone, seq: 0 }, event, at(event.seq))?.state ?? alone
          const { status, statusReason, resting } = memory.lane
          expect(resting ?? { status, reason: statusReason }).toEqual({ status: alone.status, reason: alone.statusReason })
        }
      }),
      RUNS,
    )
  })

  it('replaying any prefix, once or twice, says nothing and changes nothing', () => {
    fc.assert(
      fc.property(histories, fc.nat(40), fc.nat(40), (events, cut, from) => {
        const past = events.slice(0, cut)
        const once = foldAll(past)
        const again = foldAll(past.slice(from), once.memory)
        expect(again.said).toEqual([])
        expect(again.memory).toEqual(once.memory)
        const twice = foldAll([...past, ...past], once.memory)
        expect(twice.said).toEqual([])
        expect(twice.memory).toEqual(once.memory)
        // And what comes after a replay is what would have come without it.
        expect(foldAll(events.slice(cut), twice.memory).memory).toEqual(foldAll(events).memory)
      }),
      RUNS,
    )
  })
})
