import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { TurnWatchdogs } from './turn-watchdogs.ts'

const LIMITS = { stallMs: 10_000, retryMs: 4000 }
let stalled: string[]
let guard: TurnWatchdogs
beforeEach(() => {
  vi.useFakeTimers()
  stalled = []
  guard = new TurnWatchdogs(LIMITS, (threadId, { kind }) => stalled.push(`${threadId} ${kind}`))
})
afterEach(() => vi.useRealTimers())

const pass = (ms: number) => vi.advanceTimersByTime(ms)
const waits = (method: 'item/started' | 'item/completed', threadId: string, on: string[]) =>
  guard.noticed(method, { threadId, item: { id: `w-${threadId}`, type: 'collabAgentToolCall', tool: 'wait', receiverThreadIds: on } })

describe('turns beside each other', () => {
  it('are watched one by one: life of one is none of the other', () => {
    guard.begin('parent')
    guard.begin('child')
    for (let round = 0; round < 8; round += 1) {
      pass(2000)
      guard.noticed('item/completed', { threadId: 'child' })
    }
    expect(stalled).toEqual(['parent no_progress'])
    pass(20_000)
    expect(stalled).toEqual(['parent no_progress', 'child no_progress'])
  })

  it('that wait for another live by what that does, also over several', () => {
    for (const threadId of ['parent', 'child', 'grandchild']) guard.begin(threadId)
    waits('item/started', 'parent', ['child'])
    waits('item/started', 'child', ['grandchild'])
    for (let round = 0; round < 8; round += 1) {
      pass(2000)
      guard.noticed('item/completed', { threadId: 'grandchild' })
    }
    expect(stalled).toEqual([])
    waits('item/completed', 'child', ['grandchild'])
    for (let round = 0; round < 8; round += 1) {
      pass(2000)
      guard.noticed('item/completed', { threadId: 'grandchild' })
    }
    expect(stalled.sort()).toEqual(['child no_progress', 'parent no_progress'])
  })

  it('retry one by one', () => {
    guard.begin('parent')
    guard.begin('child')
    for (let round = 0; round < 6; round += 1) {
      pass(1000)
      guard.noticed('error', { threadId: 'child', willRetry: true })
    }
    expect(stalled).toEqual(['child endless_retries'])
  })

  it('live by news that belong to no thread', () => {
    guard.begin('parent')
    for (let round = 0; round < 8; round += 1) {
      pass(5000)
      guard.noticed('account/rateLimits/updated', {})
    }
    expect(stalled).toEqual([])
  })
})

describe('a question for a person', () => {
  it('keeps its own thread quiet, and whoever waits for that one, for as long as it is open', () => {
    for (const threadId of ['parent', 'child', 'other']) guard.begin(threadId)
    waits('item/started', 'parent', ['child'])
    guard.asking(new Set(['child']))
    pass(60_000)
    expect(stalled).toEqual(['other no_progress'])
    guard.asking(new Set())
    pass(9000)
    expect(stalled).toHaveLength(1)
    pass(5000)
    expect(stalled.sort()).toEqual(['child no_progress', 'other no_progress', 'parent no_progress'])
  })

  it('does not cover for a turn that does not wait for it', () => {
    guard.begin('parent')
    guard.asking(new Set(['child']))
    pass(14_000)
    expect(stalled).toEqual(['parent no_progress'])
  })

  it('counts from the start for a turn that begins while it is open, and from the moment it is waited for', () => {
    guard.asking(new Set(['child']))
    guard.begin('child')
    guard.begin('parent')
    pass(9000)
    waits('item/started', 'parent', ['child'])
    pass(60_000)
    expect(stalled).toEqual([])
  })
})

describe('an end', () => {
  it('is final, for one and for all', () => {
    for (const threadId of ['parent', 'child', 'other']) guard.begin(threadId)
    guard.end('child')
    pass(9000)
    guard.endAll()
    pass(60_000)
    expect(stalled).toEqual([])
  })
})
