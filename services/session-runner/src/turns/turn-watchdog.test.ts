import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Stall, TurnWatchdog } from './turn-watchdog.ts'

const LIMITS = { stallMs: 10_000, retryMs: 4000 }
let stalls: Stall[]
beforeEach(() => {
  vi.useFakeTimers()
  stalls = []
})
afterEach(() => vi.useRealTimers())

const watchdogWith = (limits = LIMITS) => new TurnWatchdog(limits, (stall) => stalls.push(stall))
const pass = (ms: number) => vi.advanceTimersByTime(ms)

describe('TurnWatchdog', () => {
  it('reports a turn without progress, once, and not before its time', () => {
    const watchdog = watchdogWith()
    watchdog.arm()
    pass(9900)
    expect(stalls).toEqual([])
    pass(1500)
    expect(stalls).toHaveLength(1)
    expect(stalls[0]).toMatchObject({ kind: 'no_progress' })
    expect(stalls[0]?.afterMs).toBeGreaterThan(10_000)
    pass(60_000)
    expect(stalls).toHaveLength(1)
  })

  it('accepts slow progress', () => {
    const watchdog = watchdogWith()
    watchdog.arm()
    for (let round = 0; round < 20; round += 1) {
      pass(9000)
      watchdog.progress()
    }
    expect(stalls).toEqual([])
  })

  it('reports a turn that only retries, even if it retries often', () => {
    const watchdog = watchdogWith()
    watchdog.arm()
    for (let round = 0; round < 10 && stalls.length === 0; round += 1) {
      watchdog.retrying()
      pass(1000)
    }
    expect(stalls).toHaveLength(1)
    expect(stalls[0]).toMatchObject({ kind: 'endless_retries' })
    expect(stalls[0]?.afterMs).toBeLessThan(6000)
  })

  it('forgets retries after progress', () => {
    const watchdog = watchdogWith()
    watchdog.arm()
    for (let round = 0; round < 10; round += 1) {
      watchdog.retrying()
      pass(3000)
      watchdog.progress()
    }
    expect(stalls).toEqual([])
  })

  it('does not count the time a person takes, and restarts after the answer', () => {
    const watchdog = watchdogWith()
    watchdog.arm()
    pass(5000)
    watchdog.waitingForPerson(true)
    pass(3_600_000)
    expect(stalls).toEqual([])
    watchdog.waitingForPerson(false)
    pass(9000)
    expect(stalls).toEqual([])
    pass(3000)
    expect(stalls.map(({ kind }) => kind)).toEqual(['no_progress'])
  })

  it('is idle between turns, and measures each turn from its own start', () => {
    const watchdog = watchdogWith()
    watchdog.arm()
    watchdog.retrying()
    pass(3000)
    watchdog.disarm()
    pass(60_000)
    expect(stalls).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
    watchdog.arm()
    pass(9000)
    expect(stalls).toEqual([])
    pass(3000)
    expect(stalls.map(({ kind }) => kind)).toEqual(['no_progress'])
  })

  it('never reports with limits of 0', () => {
    const none = watchdogWith({ stallMs: 0, retryMs: 0 })
    none.arm()
    expect(vi.getTimerCount()).toBe(0)
    const noStall = watchdogWith({ stallMs: 0, retryMs: 1000 })
    noStall.arm()
    pass(3_600_000)
    expect(stalls).toEqual([])
    noStall.retrying()
    pass(2000)
    expect(stalls.map(({ kind }) => kind)).toEqual(['endless_retries'])
    const noRetry = watchdogWith({ stallMs: 1000, retryMs: 0 })
    noRetry.arm()
    for (let round = 0; round < 20; round += 1) {
      noRetry.retrying()
      pass(500)
    }
    expect(stalls).toHaveLength(1)
  })
})
