import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Delta, DeltaCoalescer } from './delta-coalescer.ts'

let published: Delta[]
let coalescer: DeltaCoalescer
beforeEach(() => {
  vi.useFakeTimers()
  published = []
  coalescer = new DeltaCoalescer((delta) => published.push(delta))
})
afterEach(() => vi.useRealTimers())

const add = (delta: unknown, itemId: unknown = 'item-1', method = 'item/agentMessage/delta') =>
  coalescer.add(method, { threadId: 'thread-1', turnId: 'turn-1', itemId, delta })

describe('DeltaCoalescer', () => {
  it('joins deltas of one item that come close together', () => {
    for (const text of ['Hel', 'lo ', 'world']) {
      add(text)
      vi.advanceTimersByTime(10)
    }
    expect(published).toEqual([])
    vi.advanceTimersByTime(50)
    expect(published).toEqual([
      { threadId: 'thread-1', turnId: 'turn-1', itemId: 'item-1', method: 'item/agentMessage/delta', delta: 'Hello world' },
    ])
  })

  it('never waits longer than the gathering time, however many come', () => {
    for (let tick = 0; tick < 100; tick += 1) {
      add('x')
      vi.advanceTimersByTime(10)
    }
    expect(published.length).toBeGreaterThanOrEqual(15)
    expect(published.length).toBeLessThanOrEqual(25)
    coalescer.flush()
    expect(published.map(({ delta }) => delta).join('')).toBe('x'.repeat(100))
  })

  it('keeps items, methods and threads apart, in the order they began', () => {
    add('a1', 'a')
    add('b1', 'b')
    add('a2', 'a')
    add('out', 'a', 'item/commandExecution/outputDelta')
    coalescer.add('item/agentMessage/delta', { threadId: 'thread-2', itemId: 'a', delta: 'other' })
    vi.advanceTimersByTime(60)
    expect(published.map(({ threadId, itemId, delta }) => [threadId, itemId, delta])).toEqual([
      ['thread-1', 'a', 'a1a2'],
      ['thread-1', 'b', 'b1'],
      ['thread-1', 'a', 'out'],
      ['thread-2', 'a', 'other'],
    ])
  })

  it('publishes large deltas at once', () => {
    add('x'.repeat(10_000))
    expect(published).toHaveLength(0)
    add('x'.repeat(10_000))
    expect(published.map(({ delta }) => delta.length)).toEqual([20_000])
    vi.advanceTimersByTime(1000)
    expect(published).toHaveLength(1)
  })

  it('drops deltas without text or thread; a missing item or turn is null', () => {
    add(7)
    add(undefined)
    coalescer.add('x/delta', { delta: 'no thread' })
    coalescer.add('x/delta', { threadId: 't', delta: 'd' })
    coalescer.flush()
    expect(published).toEqual([{ threadId: 't', turnId: null, itemId: null, method: 'x/delta', delta: 'd' }])
  })

  it('leaves nothing and no timer behind after a flush', () => {
    add('a')
    coalescer.flush()
    coalescer.flush()
    expect(published).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
    add('b')
    vi.advanceTimersByTime(60)
    expect(published.map(({ delta }) => delta)).toEqual(['a', 'b'])
  })
})
