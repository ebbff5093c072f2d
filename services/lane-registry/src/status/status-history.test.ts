import type { ApprovalEvent, Draft, LaneState, SessionEvent, SessionState } from '@codex-bridge/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { activeTurn, approvalsState, eventOf, laneState, NOW, sessionState } from '../../test/lane-samples.ts'
import { decideFromEvent } from './status-decider.ts'
import { LIVE_STATUSES } from './status-reducer.ts'

/** Folds events as the policy does; sequences leave room for the lane's own events. */
const fold = (start: LaneState, events: (SessionEvent | ApprovalEvent)[]) => {
  let state = start
  const drafts: { draft: Draft<'lane'>; event: SessionEvent | ApprovalEvent }[] = []
  for (const event of events) {
    const draft = decideFromEvent({ state, seq: event.seq }, event, NOW)
    if (!draft) continue
    state = draft.state
    drafts.push({ draft, event })
  }
  return { state, drafts }
}
const numbered = (events: { type: string; payload: Record<string, unknown>; state: object }[]) =>
  events.map(({ type, payload, state }, index) => eventOf(type, 10 + index * 2, payload, state))

/** A session and its approvals as their owners would write them, in any order that can happen. */
type Move =
  | 'claim'
  | 'recover'
  | 'start'
  | 'prompt'
  | 'appear'
  | 'complete'
  | 'fail'
  | 'verified'
  | 'ask'
  | 'close'
  | 'lose'
  | 'stop'
  | 'sleep'
  | 'approvals'
const MOVES: Move[] = [
  'claim',
  'recover',
  'start',
  'prompt',
  'appear',
  'complete',
  'fail',
  'verified',
  'ask',
  'close',
  'lose',
  'stop',
  'sleep',
  'approvals',
]

class World {
  session: SessionState = sessionState({ phase: 'none' })
  readonly events: { type: string; payload: Record<string, unknown>; state: object }[] = []
  /** What the approvals service has still to say: it follows the session at its own pace. */
  readonly lag: ('requested' | 'orphaned')[] = []
  pending = 0
  asked = 0

  move(move: Move): void {
    const { session } = this
    const live = session.phase === 'live'
    const busy = session.activeTurn !== null || session.verifying !== null
    switch (move) {
      case 'claim':
      case 'recover':
        if (session.phase !== 'claimed' && !live)
          this.#say('lane.session.claimed', { phase: 'claimed' }, { purpose: move === 'claim' ? 'start' : 'recover' })
        break
      case 'start':
        if (session.phase === 'claimed') this.#say('lane.session.started', { phase: 'live' })
        break
      case 'prompt':
        if (live && !busy) this.#say('lane.turn.requested', { activeTurn: activeTurn() })
        break
      case 'appear':
        if (live && !busy) this.#say('lane.turn.started', { activeTurn: activeTurn() }, { origin: 'codex' })
        break
      case 'complete':
        if (live && session.activeTurn) this.#complete('completed', true)
        break
      case 'fail':
        if (live && session.activeTurn) this.#complete('failed', false)
        break
      case 'verified':
        if (live && session.verifying) this.#say('lane.verification.completed', { verifying: null }, { status: 'passed', results: [] })
        break
      case 'ask':
        if (live && session.activeTurn && this.asked === 0) {
          this.asked = 1
          this.lag.push('requested')
          this.#say('lane.session.request.raised', {})
        }
        break
      case 'close':
        if (this.asked > 0) this.#close('lane.session.request.closed', {})
        break
      case 'lose':
        if (live || session.phase === 'claimed') {
          this.#close('lane.session.lost', { phase: 'lost' })
          if (this.session.activeTurn) this.#complete('interrupted', false)
          if (this.session.verifying) this.#say('lane.verification.completed', { verifying: null }, { status: 'interrupted', results: [] })
        }
        break
      case 'stop':
      case 'sleep':
        if (live) {
          if (this.session.activeTurn) this.#complete('interrupted', false)
          if (this.session.verifying) this.#say('lane.verification.completed', { verifying: null }, { status: 'interrupted', results: [] })
          this.#close(move === 'stop' ? 'lane.session.stopped' : 'lane.session.hibernated', {
            phase: move === 'stop' ? 'stopped' : 'hibernated',
          })
        }
        break
      default:
        this.sayOfApprovals()
    }
  }

  sayOfApprovals(): void {
    const next = this.lag.shift()
    if (!next) return
    this.pending += next === 'requested' ? 1 : -1
    this.events.push({ type: `lane.approval.${next}`, payload: { reason: 'r' }, state: approvalsState(this.pending) })
  }

  #complete(status: string, verify: boolean): void {
    this.#say(
      'lane.turn.completed',
      { activeTurn: null, verifying: verify ? { turnId: 'turn-1' } : null },
      { status, verification: verify ? 'pending' : 'none', cause: status === 'interrupted' ? 'session_lost' : null },
    )
  }

  #close(type: string, change: Partial<SessionState>): void {
    if (this.asked > 0) this.lag.push('orphaned')
    this.asked = 0
    this.#say(type, change, type === 'lane.session.stopped' ? { cause: 'command', reason: null } : {})
  }

  #say(type: string, change: Partial<SessionState>, payload: Record<string, unknown> = {}): void {
    this.session = { ...this.session, ...change }
    this.events.push({ type, payload, state: this.session })
  }
}

describe('a session and its approvals, in any order that can happen', () => {
  it('a lane shows no live status once its session has ended, and none without one when everything is said', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...MOVES), { maxLength: 60 }), (moves) => {
        const world = new World()
        for (const move of moves) {
          world.move(move)
          const { phase, activeTurn: turn } = world.session
          const ended = (phase === 'stopped' || phase === 'hibernated' || phase === 'lost') && !turn
          if (!ended) continue
          const { state } = fold(laneState(), numbered(world.events))
          expect(LIVE_STATUSES.has(state.status), `${state.status} after ${world.events.map(({ type }) => type).join(', ')}`).toBe(false)
        }
        while (world.lag.length > 0) world.sayOfApprovals()
        const { state } = fold(laneState(), numbered(world.events))
        const { phase, activeTurn: turn, verifying } = world.session
        const live = phase === 'live' || phase === 'claimed'
        if (!live) expect(LIVE_STATUSES.has(state.status)).toBe(false)
        if (turn && live && world.asked === 0) expect(state.status).toBe('running')
        if (turn && live && world.asked > 0) expect(state.status).toBe('needs_approval')
        if (verifying && live) expect(state.status).toBe('verifying')
      }),
      { numRuns: 1000 },
    )
  })
})
