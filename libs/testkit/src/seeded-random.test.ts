import { expect, it } from 'vitest'
import { seededRandom } from './seeded-random.ts'

const first = (name: string) => Array.from({ length: 1000 }, seededRandom(name))

it('repeats its sequence for the same name, and has another one for another name', () => {
  expect(first('kills')).toEqual(first('kills'))
  expect(first('kills')).not.toEqual(first('cuts'))
})

it('spreads over [0, 1)', () => {
  const numbers = first('spread')
  expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true)
  const tenths = new Set(numbers.map((number) => Math.floor(number * 10)))
  expect(tenths.size).toBe(10)
})
