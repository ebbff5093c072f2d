import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { validator } from '../foundation/validate.ts'
import { EventPattern, type Scope, ScopeInput } from '../webhooks/webhook.ts'
import { matchesAnyPattern, matchesPattern, matchesScope, normalizeScope, scopeKinds } from './pattern.ts'

/** The language again, token by token and as slow as it is plain. */
const naive = (pattern: string, type: string): boolean => {
  if (pattern === '*') return true
  const wanted = pattern.split('.')
  const given = type.split('.')
  if (wanted.at(-1) !== '*') return wanted.length === given.length && wanted.every((token, index) => token === given[index])
  const prefix = wanted.slice(0, -1)
  return given.length > prefix.length && prefix.every((token, index) => token === given[index])
}

const token = fc.constantFrom('lane', 'turn', 'completed', 'session', 'lan', 'turns', 'a-b', 'x_y')
const type = fc.array(token, { minLength: 1, maxLength: 5 }).map((tokens) => tokens.join('.'))
const pattern = fc.oneof(
  fc.constant('*'),
  type,
  type.map((prefix) => `${prefix}.*`),
)

describe('the pattern language', () => {
  it.each([
    ['*', 'lane.completed', true],
    ['*', 'webhook.test', true],
    ['lane.completed', 'lane.completed', true],
    ['lane.completed', 'lane.completed.notification', false],
    ['lane.turn', 'lane.turn.completed', false],
    ['lane.*', 'lane.completed', true],
    ['lane.*', 'lane.turn.skipped.readiness_deferred', true],
    ['lane.*', 'lane', false],
    ['lane.*', 'lanes.completed', false],
    ['lane.*', 'webhook.test', false],
    ['lane.turn.*', 'lane.turn.completed', true],
    ['lane.turn.*', 'lane.turns.completed', false],
    ['lane.turn.*', 'lane.turn', false],
  ])('%s on %s: %s', (given, eventType, expected) => {
    expect(matchesPattern(given, eventType)).toBe(expected)
  })

  it('agrees with a naive reading, token by token', () => {
    fc.assert(
      fc.property(pattern, type, (given, eventType) => {
        expect(matchesPattern(given, eventType)).toBe(naive(given, eventType))
      }),
      { numRuns: 2000 },
    )
  })

  it('takes a list as alternatives, and an empty one as nothing', () => {
    expect(matchesAnyPattern(['lane.turn.*', 'lane.failed'], 'lane.failed')).toBe(true)
    expect(matchesAnyPattern(['lane.turn.*'], 'lane.failed')).toBe(false)
    expect(matchesAnyPattern([], 'lane.failed')).toBe(false)
  })

  it.each(['', '.', 'lane.', '.lane', 'lane..x', '**', 'lane.*.x', '*.x', 'lane *', 'lane\n', 'lane.**', 'x'.repeat(129)])(
    'refuses %j as a pattern',
    (text) => {
      expect(() => validator(EventPattern)(text)).toThrow()
    },
  )

  it.each(['*', 'lane.*', 'lane.completed', 'lane.turn.started.notification', 'lane.mcpServer.startupStatus.updated.notification'])(
    'accepts %j as a pattern',
    (text) => {
      expect(validator(EventPattern)(text)).toBe(text)
    },
  )
})

describe('scopes', () => {
  const id = fc.constantFrom('a', 'b', 'c')
  const ids = fc.option(fc.array(id, { maxLength: 3 }), { nil: undefined })
  const context = fc.record({ laneId: id, threadId: fc.option(id), sessionId: fc.option(id) })

  it('AND between dimensions, OR inside one, and a set dimension never matches what lacks it', () => {
    fc.assert(
      fc.property(ids, ids, ids, context, (laneIds, threadIds, sessionIds, event) => {
        const scope: Scope = { ...(laneIds && { laneIds }), ...(threadIds && { threadIds }), ...(sessionIds && { sessionIds }) }
        const dimensions: [string[] | undefined, string | null][] = [
          [laneIds, event.laneId],
          [threadIds, event.threadId],
          [sessionIds, event.sessionId],
        ]
        let expected = true
        for (const [allowed, value] of dimensions) {
          if (allowed !== undefined && allowed.length > 0 && !allowed.some((one) => one === value)) expected = false
        }
        expect(matchesScope(scope, event)).toBe(expected)
      }),
      { numRuns: 1000 },
    )
  })

  it('fold the singular forms into the plural lists, once each, and drop empty dimensions', () => {
    expect(normalizeScope({ laneId: 'a', laneIds: ['a', 'b'], threadIds: [], sessionId: 's' })).toEqual({
      laneIds: ['a', 'b'],
      sessionIds: ['s'],
    })
    expect(normalizeScope(undefined)).toEqual({})
    expect(scopeKinds(normalizeScope({ threadId: 't', laneIds: ['l'] }))).toEqual(['lane', 'thread'])
    expect(scopeKinds({ laneIds: [], threadIds: ['t'], sessionIds: ['s'] })).toEqual(['thread', 'session'])
  })

  it('refuse ids outside the grammar and unknown dimensions', () => {
    expect(() => validator(ScopeInput)({ laneId: 'a b' })).toThrow()
    expect(() => validator(ScopeInput)({ sessionIds: ['ok', 'a.b'] })).toThrow()
    expect(() => validator(ScopeInput)({ lanes: ['a'] })).toThrow()
  })
})
