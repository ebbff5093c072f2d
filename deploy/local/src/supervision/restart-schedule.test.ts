import { expect, test } from 'vitest'
import { nextRestart, noRestarts } from './restart-schedule.ts'

test('delays double from 200 ms up to 5 s', () => {
  const delays: number[] = []
  let state = noRestarts
  for (let count = 0; count < 8; count += 1) {
    const next = nextRestart(state, 100)
    delays.push(next.delayMs)
    state = next.state
  }
  expect(delays).toEqual([200, 400, 800, 1600, 3200, 5000, 5000, 5000])
})

test('thirty healthy seconds count as a new beginning', () => {
  const { state } = nextRestart({ failures: 6 }, 30_000)
  expect(state).toEqual({ failures: 1 })
  expect(nextRestart({ failures: 6 }, 30_000).delayMs).toBe(200)
  expect(nextRestart({ failures: 6 }, 29_999).delayMs).toBe(5000)
})
