import { expect, it } from 'vitest'
import { SingleFlight } from './single-flight.ts'

it('shares the work under way for a key, and runs other keys beside it', async () => {
  const flights = new SingleFlight<string, number>()
  let runs = 0
  const work = async () => {
    runs += 1
    return runs
  }
  const results = [flights.run('a', work), flights.run('a', work), flights.run('b', work)]
  expect([flights.size, flights.has('a'), flights.pending().length]).toEqual([2, true, 2])
  expect(await Promise.all(results)).toEqual([1, 1, 2])
  expect([flights.size, flights.has('a')]).toEqual([0, false])
  expect(await flights.run('a', work)).toBe(3)
})

it('gives a failure to every caller and starts again afterwards', async () => {
  const flights = new SingleFlight<string, string>()
  const failing = () => Promise.reject(new Error('broken'))
  const results = await Promise.allSettled([flights.run('a', failing), flights.run('a', failing)])
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await flights.run('a', async () => 'well')).toBe('well')
})
