import { expect, it } from 'vitest'
import { BoundedMap, BoundedSet } from './bounded.ts'

it('drops the oldest entry over its limit', () => {
  const map = new BoundedMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  map.set('a', 3)
  map.set('c', 4)
  expect([map.get('a'), map.has('b'), map.get('c'), map.size]).toEqual([3, false, 4, 2])
  expect([map.delete('a'), map.delete('a'), map.size]).toEqual([true, false, 1])
})

it('holds undefined as a key and a limit of zero', () => {
  const set = new BoundedSet<string | undefined>(1)
  set.add(undefined)
  set.add('a')
  expect([set.has(undefined), set.has('a'), set.size, set.delete('a')]).toEqual([false, true, 1, true])
  const none = new BoundedSet<string>(0)
  none.add('a')
  expect(none.size).toBe(0)
})
