import { describe, expect, test } from 'vitest'
import { differenceOf, median, quantile, ratioOf, summarise } from './sample-statistics.ts'

describe('quantiles', () => {
  test('lie between the samples, whatever their order', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(quantile([10, 0], 0.9)).toBeCloseTo(9)
    expect(quantile([7], 0.99)).toBe(7)
  })

  test('of nothing are refused', () => {
    expect(() => median([])).toThrow(RangeError)
  })

  test('leave the samples as they are', () => {
    const samples = [2, 1]
    median(samples)
    expect(samples).toEqual([2, 1])
  })
})

test('rounds are compared one by one, so a slow one does not decide', () => {
  const rounds = [
    { bridge: 11, baseline: 10 },
    { bridge: 60, baseline: 50 },
    { bridge: 13, baseline: 10 },
  ]
  expect(summarise(rounds, ratioOf)).toEqual({ bridge: 13, baseline: 10, result: 1.2 })
  expect(summarise(rounds, differenceOf).result).toBe(3)
})
