import { guard, SessionState, SUB_AGENTS_KEPT, type SubAgent } from '@codex-bridge/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commandRecord, GONE, NOW, sessionState } from '../../test/session-builders.ts'
import { hibernated, lost, type SessionDraft, stopped } from '../sessions/session-decider.ts'
import { subAgentEnding, subAgentNamed, subAgentRests, subAgentsOf, subAgentWorks, workingSubAgents } from './sub-agent-decider.ts'

const live = () => sessionState({ phase: 'live', epoch: 1, threadId: 'own' })
const stateOf = (draft: SessionDraft | undefined): SessionState => {
  if (!draft) throw new Error('nothing was decided')
  return draft.state
}
const working = (threadId = 'child', state = live()) => stateOf(subAgentWorks(state, threadId, `turn-of-${threadId}`, NOW))
const names = { parentThreadId: 'own', nickname: 'Hooke', role: null }

describe('a sub-agent', () => {
  it('appears with its first turn, gets its name, ends, and works again', () => {
    const first = subAgentWorks(live(), 'child', 'turn-1', NOW)
    expect(first).toMatchObject({
      type: 'lane.subagent.changed',
      threadId: 'child',
      turnId: 'turn-1',
      sessionId: 'a',
      payload: { cause: null },
    })
    const named = stateOf(subAgentNamed(stateOf(first), 'child', names))
    const rested = stateOf(subAgentRests(named, 'child', { turnId: 'turn-1', status: 'completed' }, NOW))
    expect(subAgentsOf(rested)).toEqual([{ threadId: 'child', ...names, status: 'completed', turnId: 'turn-1', activeAt: NOW }])
    const again = stateOf(subAgentWorks(rested, 'child', 'turn-2', NOW))
    expect(workingSubAgents(again)).toMatchObject([{ threadId: 'child', nickname: 'Hooke', turnId: 'turn-2' }])
    expect(guard(SessionState)(again)).toBe(true)
  })

  it('leads to no event twice, and does not end with another turn', () => {
    const state = working()
    expect(subAgentWorks(state, 'child', 'turn-of-child', NOW)).toBeUndefined()
    expect(subAgentRests(state, 'child', { turnId: 'turn-0', status: 'failed' }, NOW)).toBeUndefined()
    expect(subAgentRests(live(), 'child', { turnId: 'turn-of-child', status: 'failed' }, NOW)).toBeUndefined()
    expect(subAgentNamed(live(), 'child', names)).toBeUndefined()
  })

  it('that is being ended records why and the command', () => {
    const record = commandRecord('cmd-9', 'interrupt')
    const draft = subAgentEnding(working(), 'child', { cause: 'operator', record })
    expect(draft).toMatchObject({ commandId: 'cmd-9', payload: { status: 'running', cause: 'operator' }, state: { commands: [record] } })
    const rested = stateOf(subAgentRests(working(), 'child', { turnId: 'turn-of-child', status: 'interrupted' }, NOW))
    expect(subAgentEnding(rested, 'child', { cause: 'operator', record })).toBeUndefined()
  })

  it.each([
    ['stopped', (state: SessionState) => stopped(state, 'command', null)],
    ['lost', (state: SessionState) => lost(state, GONE)],
    ['hibernated', (state: SessionState) => hibernated(state, 'idle')],
  ])('is interrupted when its session is %s', (_how, end) => {
    const ended = end(
      working('late', stateOf(subAgentRests(working('early'), 'early', { turnId: 'turn-of-early', status: 'completed' }, NOW))),
    )
    expect(subAgentsOf(ended.state).map(({ threadId, status }) => [threadId, status])).toEqual([
      ['early', 'completed'],
      ['late', 'interrupted'],
    ])
  })
})

describe('many sub-agents', () => {
  it('are bounded; working ones are forgotten last', () => {
    const step = fc.record({ threadId: fc.integer({ min: 0, max: 60 }).map((n) => `child-${n}`), works: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        let state = live()
        let workers: SubAgent[] = []
        for (const { threadId, works } of steps) {
          const draft = works
            ? subAgentWorks(state, threadId, `turn-of-${threadId}`, NOW)
            : subAgentRests(state, threadId, { turnId: `turn-of-${threadId}`, status: 'completed' }, NOW)
          state = draft?.state ?? state
          expect(subAgentsOf(state).length).toBeLessThanOrEqual(SUB_AGENTS_KEPT)
          const kept = new Set(subAgentsOf(state).map((agent) => agent.threadId))
          if (works) expect(kept.has(threadId)).toBe(true)
          const forgotten = workers.filter((agent) => !kept.has(agent.threadId))
          if (forgotten.length > 0) expect(workingSubAgents(state)).toHaveLength(SUB_AGENTS_KEPT)
          workers = workingSubAgents(state)
        }
      }),
    )
  })
})
