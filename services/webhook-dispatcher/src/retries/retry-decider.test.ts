import { describe, expect, it } from 'vitest'
import { decideRetry, restoredStates } from './retry-decider.ts'

const DAY_MS = 24 * 60 * 60_000
const START = Date.parse('2026-01-01T00:00:00Z')
const at = (day: number): Date => new Date(START + day * DAY_MS)
const failed = (day: number, label: string, reason: string, retryAfterMs?: number) => ({
  eventId: 'evt_1',
  at: at(day),
  label,
  reason,
  retryAfterMs,
})

/** Without jitter: 10 s after the first failure, 20 s after the second, then no more. */
const SCHEDULE = [0, 10, 20]
const decide = (previous: Parameters<typeof decideRetry>[0], attempt: ReturnType<typeof failed>) =>
  decideRetry(previous, attempt, SCHEDULE, 0.5)

describe('a retry', () => {
  it('is due after the delay of the schedule', () => {
    const first = decide(undefined, failed(0, '500', 'r1'))
    expect(first).toMatchObject({ exhausted: false, state: { due: START + 10_000 } })
    expect(decide(first.state, failed(1, '500', 'r2'))).toMatchObject({ exhausted: false, state: { due: at(1).getTime() + 20_000 } })
  })

  it('waits as long as the endpoint asks, if that is longer', () => {
    expect(decide(undefined, failed(0, '503', 'r', 60_000)).state.due).toBe(START + 60_000)
    expect(decide(undefined, failed(0, '503', 'r', 1000)).state.due).toBe(START + 10_000)
  })

  it('is not made after the last attempt of the schedule', () => {
    let decision = decide(undefined, failed(0, '500', 'r'))
    for (const day of [1, 2]) {
      expect(decision.exhausted).toBe(false)
      decision = decide(decision.state, failed(day, '500', 'r'))
    }
    expect(decision).toMatchObject({ exhausted: true, state: { attempts: 3, due: at(2).getTime() + 500 } })
  })

  it('counts attempts and kinds of failure', () => {
    const first = decide(undefined, failed(0, '500', 'r1')).state
    const second = decide(first, failed(1, '500', 'r2')).state
    expect(decide(second, failed(2, 'timeout', 'r3')).state).toMatchObject({
      eventId: 'evt_1',
      attempts: 3,
      firstAt: at(0).toISOString(),
      lastAt: at(2).toISOString(),
      reason: 'r3',
      results: { '500': 2, timeout: 1 },
    })
  })
})

describe('stored retries', () => {
  it('are dropped if they belong to another endpoint or are long past', () => {
    const now = at(10).getTime()
    const { state } = decide(undefined, failed(0, '500', 'r1'))
    const notes = { '7': { ...state, due: now + 5 }, '8': { ...state, due: at(1).getTime() } }
    expect([...restoredStates({ endpointSince: 'a', notes }, 'a', now).keys()]).toEqual([7])
    expect(restoredStates({ endpointSince: 'a', notes }, 'b', now).size).toBe(0)
    expect(restoredStates(undefined, 'a', now).size).toBe(0)
  })
})
