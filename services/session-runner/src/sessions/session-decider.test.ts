import { guard, MAX_MESSAGE_BYTES, MAX_PAYLOAD_BYTES, SessionState, StoredEvent } from '@codex-bridge/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commandRecord, GONE, NOW, raisedRequest, sessionState, startedFacts, turnEnd } from '../../test/session-samples.ts'
import * as decide from './session-decider.ts'

type Draft = decide.SessionDraft

const isState = guard(SessionState)
const isEvent = guard(StoredEvent)
const stored = (draft: Draft) => ({ id: 'evt_01M828E0000000000000000001', ts: NOW, ...draft })
const sizeOf = (draft: Draft) => Buffer.byteLength(JSON.stringify(stored(draft)))

const OWNER = { epoch: 4, runnerId: 'runner-1', home: '/home/dev/.codex' }
const live = (more: Partial<SessionState> = {}): SessionState => ({
  ...decide.started(decide.claimed(sessionState(), OWNER, 'start').state, startedFacts(), false).state,
  ...more,
})
const prompted = (commandId = 'cmd-1') => decide.turnRequested(live(), 'hello', commandRecord(commandId), NOW).state

describe('the life of a session', () => {
  it('claimed, started, a turn, its end: every event is valid and follows from the state it leads to', () => {
    const drafts: Draft[] = []
    const apply = (draft: Draft | undefined) => {
      if (draft) drafts.push(draft)
      return drafts.at(-1)?.state as SessionState
    }
    let state = apply(decide.claimed(sessionState(), OWNER, 'start'))
    expect(state).toMatchObject({ phase: 'claimed', epoch: 4, runnerId: 'runner-1' })
    state = apply(decide.started(state, startedFacts(), false))
    expect(state).toMatchObject({ phase: 'live', threadId: 'thread-1', process: { pid: 42 } })
    state = apply(decide.turnRequested(state, 'hello', commandRecord('cmd-1'), NOW))
    expect(state.activeTurn).toEqual({ commandId: 'cmd-1', turnId: null, requestedAt: NOW, startedAt: null })
    state = apply(decide.turnStarted(state, 'turn-1', NOW))
    expect(state.activeTurn?.turnId).toBe('turn-1')
    expect(state.commands[0]?.answer).toEqual({ turnId: 'turn-1' })
    state = apply(decide.turnCompleted(state, turnEnd()))
    expect(state.activeTurn).toBeNull()
    for (const draft of drafts) {
      expect(isEvent(stored(draft)), draft.type).toBe(true)
      expect(isState(draft.state), draft.type).toBe(true)
      expect([draft.laneId, draft.sessionId, draft.epoch]).toEqual(['a', 'a', 4])
    }
    expect(drafts.map(({ type }) => type)).toEqual([
      'lane.session.claimed',
      'lane.session.started',
      'lane.turn.requested',
      'lane.turn.started',
      'lane.turn.completed',
    ])
    expect(drafts.slice(2).map(({ commandId }) => commandId)).toEqual(['cmd-1', 'cmd-1', 'cmd-1'])
    expect(drafts.at(-1)?.payload).toMatchObject({ turnId: 'turn-1', status: 'completed', finalMessage: 'done', verification: 'none' })
  })

  it('has no process and no open request once it ended, however it ended', () => {
    const busy = live({ requests: [raisedRequest('apr_1')] })
    const ends = [
      decide.stopped(busy, 'command', null),
      decide.hibernated(busy, 'idle'),
      decide.lost(busy, GONE),
      decide.claimed(busy, OWNER, 'recover'),
    ]
    for (const { state, type } of ends) expect([type, state.process, state.startedAt, state.requests]).toEqual([type, null, null, []])
  })

  it('recovered is said only after a loss', () => {
    expect(decide.started(sessionState(), startedFacts(), true).type).toBe('lane.session.recovered')
    expect(decide.started(sessionState(), startedFacts(), false).type).toBe('lane.session.started')
  })

  it('says when an empty thread had to be replaced, and when it is not ready', () => {
    const draft = decide.started(
      sessionState(),
      startedFacts({ replacedThreadId: 'old', readiness: { deferred: true, reason: 'active_writer' } }),
      false,
    )
    expect(draft.payload).toMatchObject({ replacedThreadId: 'old', readinessDeferred: true, readinessReason: 'active_writer' })
    expect(draft.state).toMatchObject({ readinessDeferred: true, readinessReason: 'active_writer' })
  })
})

describe('a turn', () => {
  it('is named once: a second start of the same or another name changes nothing', () => {
    const named = decide.turnStarted(prompted(), 'turn-1', NOW)?.state as SessionState
    expect(decide.turnStarted(named, 'turn-1', NOW)).toBeUndefined()
    expect(decide.turnStarted(named, 'turn-2', NOW)).toBeUndefined()
    expect(decide.turnStarted(live(), 'turn-1', NOW)).toBeUndefined()
  })

  it('that Codex began by itself is the active turn, and says where it came from', () => {
    const draft = decide.turnAppeared(live(), 'turn-9', NOW)
    expect(draft.payload).toEqual({ turnId: 'turn-9', origin: 'codex' })
    expect(draft.state.activeTurn).toMatchObject({ turnId: 'turn-9', startedAt: NOW })
  })

  it('is verified only when it completed and there is something to verify', () => {
    const verifyOf = (end: Partial<decide.TurnEnd>) => {
      const draft = decide.turnCompleted(prompted(), turnEnd(end))
      return [draft.payload['verification'], draft.state.verifying !== null]
    }
    expect(verifyOf({ verify: true })).toEqual(['pending', true])
    expect(verifyOf({ verify: false })).toEqual(['none', false])
    expect(verifyOf({ verify: true, status: 'failed' })).toEqual(['none', false])
    expect(verifyOf({ verify: true, status: 'interrupted' })).toEqual(['none', false])
  })

  it('remembers the interrupt that ended it, so that its retry never hits a later turn', () => {
    const { state } = decide.turnCompleted(prompted(), turnEnd({ status: 'interrupted', record: commandRecord('int-1', 'interrupt') }))
    expect(state.commands.map(({ commandId }) => commandId)).toEqual(['cmd-1', 'int-1'])
  })
})

// ---- exactly one completion per turn ---------------------------------------------------------------------------------

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

/** What the runner does, as far as the state allows it; a crash may come between any two events. */
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
    if (drafts.length > 10) throw new Error('settling never ends')
  }
}
const isBusy = (state: SessionState) => state.activeTurn !== null || state.verifying !== null || state.requests.length > 0

describe('in any order things can happen', () => {
  it('every turn that began ends exactly once, and a loss can be settled from wherever it broke off', () => {
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
          // Whatever comes next, somebody who takes over now can bring it to rest.
          expect(isBusy(settle(state).state)).toBe(false)
        }
        const { state: rest, drafts: last } = settle(state)
        drafts.push(...last)
        expect([isBusy(rest), rest.phase === 'live' || rest.phase === 'claimed']).toEqual([false, false])

        const begun = drafts.filter(
          ({ type, payload }) => type === 'lane.turn.requested' || (type === 'lane.turn.started' && payload['origin'] === 'codex'),
        )
        const idsOf = (some: Draft[]) => some.map(({ state: { activeTurn }, payload }) => activeTurn?.commandId ?? payload['commandId'])
        const completed = drafts.filter(({ type }) => type === 'lane.turn.completed')
        expect(idsOf(completed)).toEqual(idsOf(begun))
        const verifications = completed.filter(({ payload }) => payload['verification'] === 'pending').length
        expect(drafts.filter(({ type }) => type === 'lane.verification.completed')).toHaveLength(verifications)
      }),
      { numRuns: 1000 },
    )
  })

  it('settling says what happened to a turn that was running', () => {
    const { drafts } = settle(prompted('cmd-7'))
    expect(drafts.map(({ type }) => type)).toEqual(['lane.session.lost', 'lane.turn.completed'])
    expect(drafts[1]).toMatchObject({ commandId: 'cmd-7', payload: { status: 'interrupted', cause: 'session_lost', commandId: 'cmd-7' } })
    expect(drafts[0]?.state.stopReason).toEqual(GONE)
  })

  it('settling a session that rests says nothing', () => {
    for (const phase of ['none', 'stopped', 'hibernated', 'lost'] as const)
      expect(decide.settleLoss(sessionState({ phase }), GONE)).toBeUndefined()
  })

  it('settling ends a turn that began while a start failed, so that the next session is not blocked by it', () => {
    const claimed = decide.claimed(sessionState(), OWNER, 'start').state
    const failed = decide.stopped(decide.turnAppeared(claimed, 'turn-1', NOW).state, 'start_failed', GONE).state
    expect(settle(failed).drafts.map(({ type }) => type)).toEqual(['lane.turn.completed'])
  })
})

// ---- sizes -----------------------------------------------------------------------------------------------------------

const nasty: [string, (bytes: number) => string][] = [
  ['plain', (bytes) => 'x'.repeat(bytes)],
  ['quotes and backslashes', (bytes) => '"\\'.repeat(bytes / 4)],
  ['three-byte letters', (bytes) => '日'.repeat(bytes / 3)],
  ['emoji', (bytes) => '😀'.repeat(bytes / 4)],
  ['control characters', (bytes) => '\u0001'.repeat(bytes / 6)],
]

describe.each(nasty)('a payload over the limit (%s)', (_what, text) => {
  const huge = text(2 * 1024 * 1024)

  it('is cut to what a message takes, and says so', () => {
    const state = live({ commands: Array.from({ length: 16 }, (_, index) => commandRecord(`c${index}`)) })
    const params = { threadId: 'thread-1', turnId: 'turn-1', item: { type: 'x', text: huge } }
    const draft = decide.forwarded(state, 'lane.item.completed.notification', 'item/completed', params)
    expect(Buffer.byteLength(JSON.stringify(draft.payload))).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES)
    expect(sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
    expect(draft.payload).toMatchObject({ truncated: true, method: 'item/completed', fetch: '/codex/threads/thread-1' })
    expect(Number(draft.payload['originalBytes'])).toBeGreaterThan(1024 * 1024)
    expect(String(draft.payload['preview']).length).toBeGreaterThan(1000)
    expect([draft.turnId, draft.threadId]).toEqual(['turn-1', 'thread-1'])
  })

  it('of a completed turn still says how it ended', () => {
    const turn = decide.turnStarted(prompted(), 'turn-1', NOW)?.state as SessionState
    const draft = decide.turnCompleted(turn, turnEnd({ finalMessage: huge, verify: true, durationMs: 5 }))
    expect(draft.payload).toMatchObject({
      truncated: true,
      turnId: 'turn-1',
      commandId: 'cmd-1',
      status: 'completed',
      cause: null,
      error: null,
      verification: 'pending',
      durationMs: 5,
    })
    expect(String(draft.payload['finalMessage']).length).toBeGreaterThan(100)
    expect(sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
  })

  it('of a failed turn keeps its status although the error is what is long', () => {
    const draft = decide.turnCompleted(prompted(), turnEnd({ status: 'failed', error: { code: 'usage_limit', message: huge } }))
    expect(draft.payload).toMatchObject({ truncated: true, status: 'failed' })
    expect(sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
  })

  it('of a verification still says whether it passed', () => {
    const results = Array.from({ length: 64 }, () => ({
      command: 'c',
      exitCode: 0,
      durationMs: 1,
      timedOut: false,
      outputTail: text(40_000),
    }))
    const verifying = live({ verifying: { turnId: 'turn-1' } })
    const draft = decide.verificationCompleted(verifying, { status: 'passed', results, finalMessage: 'm' })
    expect(draft.payload).toMatchObject({ truncated: true, status: 'passed', turnId: 'turn-1', finalMessage: 'm' })
  })

  it('of a request still names the approval, its kind and its method, whether command, reason or both are long', () => {
    const request = { method: 'item/commandExecution/requestApproval', command: huge, cwd: '/w' }
    for (const reason of ['short', `Run ${huge}`]) {
      const draft = decide.requestRaised(live(), raisedRequest('apr_1', { request, reason }))
      expect(draft.payload).toMatchObject({
        approvalId: 'apr_1',
        kind: 'command',
        requestId: 7,
        availableDecisions: ['approve', 'deny'],
        request: { truncated: true, method: request.method, cwd: '/w' },
      })
      expect(String(draft.payload['reason']).length).toBeLessThan(2000)
      // The approval's own events carry it again, more than once.
      expect(Buffer.byteLength(JSON.stringify(draft.payload))).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES / 2 + 16 * 1024)
    }
  })
})

describe('a payload within the limit', () => {
  it('is left as it is', () => {
    const payload = { text: 'x'.repeat(MAX_PAYLOAD_BYTES - 200) }
    const draft = decide.forwarded(live(), 'lane.x.notification', 'x', payload)
    expect(draft.payload).toEqual({ method: 'x', params: payload })
  })

  it('a prompt over it keeps its command and its beginning', () => {
    const draft = decide.turnRequested(live(), 'p'.repeat(1024 * 1024), commandRecord('cmd-1'), NOW)
    expect(draft.payload).toMatchObject({ truncated: true, commandId: 'cmd-1' })
    expect(String(draft.payload['input'])).toMatch(/^p{1000}/)
  })
})
