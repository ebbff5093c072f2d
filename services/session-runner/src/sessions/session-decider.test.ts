import { guard, SessionState, StoredEvent } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import {
  commandRecord,
  GONE,
  liveSession,
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
const isEvent = guard(StoredEvent)
const stored = (draft: Draft) => ({ id: 'evt_01M828E0000000000000000001', ts: NOW, ...draft })

const payloadOf = (draft: decide.SessionDraft): Record<string, unknown> => draft.payload

describe('the events of a session', () => {
  it('are valid from claim to the end of a turn, and carry the state they lead to', () => {
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

  it('leave no process and no open request after any kind of end', () => {
    const busy = liveSession({ requests: [raisedRequest('apr_1')] })
    const ends = [
      decide.stopped(busy, 'command', null),
      decide.hibernated(busy, 'idle'),
      decide.lost(busy, GONE),
      decide.claimed(busy, OWNER, 'recover'),
    ]
    for (const { state, type } of ends) expect([type, state.process, state.startedAt, state.requests]).toEqual([type, null, null, []])
  })

  it('say recovered only after a loss', () => {
    expect(decide.started(sessionState(), startedFacts(), true).type).toBe('lane.session.recovered')
    expect(decide.started(sessionState(), startedFacts(), false).type).toBe('lane.session.started')
  })

  it('say when an empty thread was replaced, and when the thread is not ready', () => {
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
  it('gets its id once; another start, of the same id or another, changes nothing', () => {
    const named = decide.turnStarted(promptedSession(), 'turn-1', NOW)?.state as SessionState
    expect(decide.turnStarted(named, 'turn-1', NOW)).toBeUndefined()
    expect(decide.turnStarted(named, 'turn-2', NOW)).toBeUndefined()
    expect(decide.turnStarted(liveSession(), 'turn-1', NOW)).toBeUndefined()
  })

  it('that Codex started is the active turn and carries its origin', () => {
    const draft = decide.turnAppeared(liveSession(), 'turn-9', NOW)
    expect(draft.payload).toEqual({ turnId: 'turn-9', origin: 'codex' })
    expect(draft.state.activeTurn).toMatchObject({ turnId: 'turn-9', startedAt: NOW })
  })

  it('is verified only if it completed and there is something to verify', () => {
    const verifyOf = (end: Partial<decide.TurnEnd>) => {
      const draft = decide.turnCompleted(promptedSession(), turnEnd(end))
      return [payloadOf(draft)['verification'], draft.state.verifying !== null]
    }
    expect(verifyOf({ verify: true })).toEqual(['pending', true])
    expect(verifyOf({ verify: false })).toEqual(['none', false])
    expect(verifyOf({ verify: true, status: 'failed' })).toEqual(['none', false])
    expect(verifyOf({ verify: true, status: 'interrupted' })).toEqual(['none', false])
  })

  it('remembers the interrupt that ended it, so that a retry never ends a later turn', () => {
    const { state } = decide.turnCompleted(
      promptedSession(),
      turnEnd({ status: 'interrupted', record: commandRecord('int-1', 'interrupt') }),
    )
    expect(state.commands.map(({ commandId }) => commandId)).toEqual(['cmd-1', 'int-1'])
  })
})
