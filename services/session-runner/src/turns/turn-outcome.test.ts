import type { CodexTurn } from '@codex-bridge/codex-client'
import { describe, expect, it } from 'vitest'
import { finalMessageOf, turnErrorOf, turnStatusOf } from './turn-outcome.ts'

/** What a version of Codex may send that the types do not know. */
const turnWith = (fields: Record<string, unknown>) => ({ id: 'turn-1', ...fields }) as CodexTurn
const errorOf = (error: unknown) => turnErrorOf(turnWith({ error }).error)
const messageOf = (items: unknown) => finalMessageOf(turnWith({ items }).items)

describe('turnStatusOf', () => {
  it.each([
    ['completed', 'completed'],
    ['interrupted', 'interrupted'],
    ['failed', 'failed'],
    ['inProgress', 'failed'],
    ['somethingNew', 'failed'],
    [undefined, 'failed'],
    [null, 'failed'],
  ])('%s is %s: an unknown status never counts as completed', (status, expected) => {
    expect(turnStatusOf(turnWith({ status }))).toBe(expected)
  })
})

describe('turnErrorOf', () => {
  it.each<[unknown, string]>([
    ['usageLimitExceeded', 'usage_limit'],
    ['unauthorized', 'login_required'],
    [{ httpConnectionFailed: { httpStatusCode: 401 } }, 'login_required'],
    [{ httpConnectionFailed: { httpStatusCode: 500 } }, 'turn_failed'],
    [{ httpConnectionFailed: {} }, 'turn_failed'],
    [{ responseStreamDisconnected: { httpStatusCode: null } }, 'turn_failed'],
    ['contextWindowExceeded', 'turn_failed'],
    ['somethingNew', 'turn_failed'],
    [{ usageLimitExceeded: {} }, 'usage_limit'],
    [null, 'turn_failed'],
    [undefined, 'turn_failed'],
    [7, 'turn_failed'],
    [{}, 'turn_failed'],
  ])('%j is %s', (codexErrorInfo, code) => {
    expect(errorOf({ message: 'm', codexErrorInfo })).toMatchObject({ code, message: 'm' })
  })

  it('is null without an error, and has a message where Codex sends none', () => {
    expect(errorOf(null)).toBeNull()
    expect(errorOf(undefined)).toBeNull()
    expect(errorOf('text')).toBeNull()
    expect(errorOf({})?.message).toBe('The turn failed')
    expect(errorOf({ message: 'm', additionalDetails: 'd' })?.details).toEqual({ codexErrorInfo: null, additionalDetails: 'd' })
  })
})

describe('finalMessageOf', () => {
  it('is the last agent message', () => {
    const items = [
      { type: 'agentMessage', text: 'a' },
      { type: 'commandExecution', text: 'x' },
      { type: 'agentMessage', text: 'b' },
      { type: 'reasoning' },
    ]
    expect(messageOf(items)).toBe('b')
  })

  it.each([
    [undefined],
    [null],
    ['text'],
    [[]],
    [[{ type: 'reasoning', text: 'x' }]],
    [[{ type: 'agentMessage' }]],
    [[{ type: 'agentMessage', text: 7 }]],
  ])('is null for %j', (items) => {
    expect(messageOf(items)).toBeNull()
  })
})
