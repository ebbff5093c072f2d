import { readNotification } from '@codex-bridge/codex-client'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { TurnWatchdogs } from './turn-watchdogs.ts'

const LIMITS = { stallMs: 10_000, retryMs: 4000 }
let stalled: string[]
let watchdogs: TurnWatchdogs
beforeEach(() => {
  vi.useFakeTimers()
  stalled = []
  watchdogs = new TurnWatchdogs(LIMITS)
  watchdogs.onStall((threadId, { kind }) => stalled.push(`${threadId} ${kind}`))
})
afterEach(() => vi.useRealTimers())

const notice = (method: string, params: { threadId?: string; [field: string]: unknown }) =>
  watchdogs.noticed(params.threadId ?? null, readNotification(method, params))
const pass = (ms: number) => vi.advanceTimersByTime(ms)
const waits = (method: 'item/started' | 'item/completed', threadId: string, on: string[]) =>
  notice(method, { threadId, item: { id: `w-${threadId}`, type: 'collabAgentToolCall', tool: 'wait', receiverThreadIds: on } })

describe('concurrent turns', () => {
  it('are watched separately: activity of one does not count for another', () => {
    watchdogs.begin('parent')
    watchdogs.begin('child')
    for (let round = 0; round < 8; round += 1) {
      pass(2000)
      notice('item/completed', { threadId: 'child' })
    }
    expect(stalled).toEqual(['parent no_progress'])
    pass(20_000)
    expect(stalled).toEqual(['parent no_progress', 'child no_progress'])
  })

  it('that wait for another stay alive by its activity, also through several', () => {
    for (const threadId of ['parent', 'child', 'grandchild']) watchdogs.begin(threadId)
    waits('item/started', 'parent', ['child'])
    waits('item/started', 'child', ['grandchild'])
    for (let round = 0; round < 8; round += 1) {
      pass(2000)
      notice('item/completed', { threadId: 'grandchild' })
    }
    expect(stalled).toEqual([])
    waits('item/completed', 'child', ['grandchild'])
    for (let round = 0; round < 8; round += 1) {
      pass(2000)
      notice('item/completed', { threadId: 'grandchild' })
    }
    expect(stalled.sort()).toEqual(['child no_progress', 'parent no_progress'])
  })

  it('count retries separately', () => {
    watchdogs.begin('parent')
    watchdogs.begin('child')
    for (let round = 0; round < 6; round += 1) {
      pass(1000)
      notice('error', { threadId: 'child', willRetry: true })
    }
    expect(stalled).toEqual(['child endless_retries'])
  })

  it('stay alive by notifications about no thread', () => {
    watchdogs.begin('parent')
    for (let round = 0; round < 8; round += 1) {
      pass(5000)
      notice('account/rateLimits/updated', {})
    }
    expect(stalled).toEqual([])
  })
})

describe('a request for a person', () => {
  it('suspends the watchdogs of its thread and of the threads that wait for it while it is open', () => {
    for (const threadId of ['parent', 'child', 'other']) watchdogs.begin(threadId)
    waits('item/started', 'parent', ['child'])
    watchdogs.asking(new Set(['child']))
    pass(60_000)
    expect(stalled).toEqual(['other no_progress'])
    watchdogs.asking(new Set())
    pass(9000)
    expect(stalled).toHaveLength(1)
    pass(5000)
    expect(stalled.sort()).toEqual(['child no_progress', 'other no_progress', 'parent no_progress'])
  })

  it('does not hide the stall of a turn that does not wait for it', () => {
    watchdogs.begin('parent')
    watchdogs.asking(new Set(['child']))
    pass(14_000)
    expect(stalled).toEqual(['parent no_progress'])
  })

  it('counts for a turn that begins while it is open, and for one that starts to wait for it', () => {
    watchdogs.asking(new Set(['child']))
    watchdogs.begin('child')
    watchdogs.begin('parent')
    pass(9000)
    waits('item/started', 'parent', ['child'])
    pass(60_000)
    expect(stalled).toEqual([])
  })
})

describe('the end of a turn', () => {
  it('is final, for one and for all', () => {
    for (const threadId of ['parent', 'child', 'other']) watchdogs.begin(threadId)
    watchdogs.end('child')
    pass(9000)
    watchdogs.endAll()
    pass(60_000)
    expect(stalled).toEqual([])
  })
})
