import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { poll } from './poll.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const settled = async <T>(result: Promise<T>): Promise<T> => {
  await vi.runAllTimersAsync()
  return result
}

describe('poll', () => {
  it('probes at once and returns the first truthy value', async () => {
    const probe = vi.fn(() => 'ready')
    expect(await poll(probe, { timeoutMs: 0, everyMs: 10 })).toBe('ready')
    expect(probe).toHaveBeenCalledOnce()
  })

  it('probes again until there is a value', async () => {
    let probes = 0
    const result = poll(async () => ++probes === 3 && probes, { timeoutMs: 100, everyMs: 10 })
    expect(await settled(result)).toBe(3)
  })

  it('probes the last time at the deadline', async () => {
    const times: number[] = []
    const startedAt = performance.now()
    const probe = () => {
      times.push(performance.now() - startedAt)
      return null
    }
    expect(await settled(poll(probe, { timeoutMs: 25, everyMs: 10 }))).toBeUndefined()
    expect(times).toEqual([0, 10, 20, 25])
  })

  it('ends at an abort, without waiting for the next probe', async () => {
    const ending = new AbortController()
    const probe = vi.fn(() => false as const)
    const result = poll(probe, { timeoutMs: 60_000, everyMs: 30_000, signal: ending.signal })
    await vi.advanceTimersByTimeAsync(1)
    ending.abort()
    expect(await result).toBeUndefined()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('probes once when it was aborted before', async () => {
    expect(await poll(() => 1, { timeoutMs: 10, everyMs: 1, signal: AbortSignal.abort() })).toBe(1)
    expect(await poll(() => undefined, { timeoutMs: 10, everyMs: 1, signal: AbortSignal.abort() })).toBeUndefined()
  })

  it('passes on what the probe throws', async () => {
    const failing = poll(() => Promise.reject(new Error('broken')), { timeoutMs: 10, everyMs: 1 })
    await expect(failing).rejects.toThrow('broken')
  })
})
