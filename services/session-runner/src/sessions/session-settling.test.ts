import { guard, SessionState } from '@codex-bridge/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  commandRecord,
  GONE,
  NOW,
  OWNER,
  promptedSession,
  raisedRequest,
  sessionState,
  startedFacts,
  turnEnd,
} from '../../test/session-builders.ts'
import * as decide from './session-decider.ts'

type Draft = decide.SessionDraft

const isState = guard(SessionState)

type Move =
  | 'claim'
  | 'start'
  | 'failStart'
  | 'prompt'
  | 'name'
  | 'appear'
  | 'complete'
  | 'raise'
  | 'answer'
  | 'verified'
  | 'settle'
  | 'crash'
  | 'stop'
  | 'sleep'
const MOVES: Move[] = [
  'claim',
  'start',
  'failStart',
  'prompt',
  'name',
  'appear',
  'complete',
  'raise',
  'answer',
  'verified',
  'settle',
  'crash',
  'stop',
  'sleep',
]

/** What the runner does if the state allows it. A crash may come between any two events. */
const move = (state: SessionState, kind: Move, n: number): Draft | undefined => {
  const { phase, activeTurn, verifying, requests } = state
  const up = phase === 'live'
  const reachable = up || phase === 'claimed'
  switch (kind) {
    case 'claim':
      return reachable || decide.settleLoss(state, GONE) ? undefined : decide.claimed(state, { ...OWNER, epoch: state.epoch + 1 }, 'start')
    case 'start':
      return phase === 'claimed' ? decide.started(state, startedFacts(), false) : undefined
    case 'failStart':
      return phase === 'claimed' ? decide.stopped(state, 'start_failed', { code: 'no_rollout', message: 'm' }) : undefined
    case 'prompt':
      return up && !activeTurn && !verifying ? decide.turnRequested(state, 'p', commandRecord(`cmd-${n}`), NOW) : undefined
    case 'name':
      return reachable && activeTurn ? decide.turnStarted(state, `turn-${n}`, NOW) : undefined
    case 'appear':
      return reachable && !activeTurn && !verifying ? decide.turnAppeared(state, `turn-${n}`, NOW) : undefined
    case 'complete':
      return reachable && activeTurn ? decide.turnCompleted(state, turnEnd({ verify: n % 2 === 0 })) : undefined
    case 'raise':
      return up && requests.length < 3 ? decide.requestRaised(state, raisedRequest(`apr_${n}`)) : undefined
    case 'answer':
      return requests[0] ? decide.requestAnswered(state, requests[0]) : undefined
    case 'verified':
      return up && verifying ? decide.verificationCompleted(state, { status: 'passed', results: [], finalMessage: null }) : undefined
    case 'settle':
      return decide.settleLoss(state, GONE)
    case 'stop':
    case 'sleep':
      if (!up) return
      if (activeTurn) return decide.turnCompleted(state, turnEnd({ status: 'interrupted', cause: 'session_stopped' }))
      if (verifying) return decide.verificationCompleted(state, { status: 'interrupted', results: [], finalMessage: null })
      return kind === 'stop' ? decide.stopped(state, 'command', null) : decide.hibernated(state, 'idle')
    default:
      return
  }
}

const settle = (from: SessionState) => {
  const drafts: Draft[] = []
  let state = from
  for (;;) {
    const draft = decide.settleLoss(state, GONE)
    if (!draft) return { state, drafts }
    drafts.push(draft)
    state = draft.state
    if (drafts.length > 10) throw new Error('settling does not end')
  }
}
const isBusy = (state: SessionState) => state.activeTurn !== null || state.verifying !== null || state.requests.length > 0

describe('settling a loss', () => {
  it('works after any sequence of events, and every turn that began ends exactly once', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...MOVES), { maxLength: 80 }), (moves) => {
        let state = sessionState()
        const drafts: Draft[] = []
        for (const [n, kind] of moves.entries()) {
          const draft = move(state, kind, n)
          if (!draft) continue
          drafts.push(draft)
          state = draft.state
          expect(isState(state)).toBe(true)
          // Whatever comes next, an owner that takes over now can settle it.
          expect(isBusy(settle(state).state)).toBe(false)
        }
        const { state: rest, drafts: last } = settle(state)
        drafts.push(...last)
        expect([isBusy(rest), rest.phase === 'live' || rest.phase === 'claimed']).toEqual([false, false])

        const begun = drafts.filter(
          ({ type, payload }) => type === 'lane.turn.requested' || (type === 'lane.turn.started' && 'origin' in payload),
        )
        const idsOf = (some: Draft[]) =>
          some.map(
            ({ state: { activeTurn }, payload }) => activeTurn?.commandId ?? ('commandId' in payload ? payload.commandId : undefined),
          )
        const completed = drafts.filter(({ type }) => type === 'lane.turn.completed')
        expect(idsOf(completed)).toEqual(idsOf(begun))
        const verifications = completed.filter(({ payload }) => 'verification' in payload && payload.verification === 'pending').length
        expect(drafts.filter(({ type }) => type === 'lane.verification.completed')).toHaveLength(verifications)
      }),
      { numRuns: 1000 },
    )
  })

  it('records what happened to a running turn', () => {
    const { drafts } = settle(promptedSession('cmd-7'))
    expect(drafts.map(({ type }) => type)).toEqual(['lane.session.lost', 'lane.turn.completed'])
    expect(drafts[1]).toMatchObject({ commandId: 'cmd-7', payload: { status: 'interrupted', cause: 'session_lost', commandId: 'cmd-7' } })
    expect(drafts[0]?.state.stopReason).toEqual(GONE)
  })

  it('records nothing for a session that has ended', () => {
    for (const phase of ['none', 'stopped', 'hibernated', 'lost'] as const)
      expect(decide.settleLoss(sessionState({ phase }), GONE)).toBeUndefined()
  })

  it('ends a turn that began while a start failed, so that it does not block the next session', () => {
    const claimed = decide.claimed(sessionState(), OWNER, 'start').state
    const failed = decide.stopped(decide.turnAppeared(claimed, 'turn-1', NOW).state, 'start_failed', GONE).state
    expect(settle(failed).drafts.map(({ type }) => type)).toEqual(['lane.turn.completed'])
  })
})
