import { expect, it } from 'vitest'
import { RecentIds } from './recent-ids.ts'

it('remembers the newest ids only', () => {
  const recent = new RecentIds(2)
  for (const id of ['a', 'b', 'a', 'c']) recent.add(id)
  expect(['a', 'b', 'c'].map((id) => recent.has(id))).toEqual([true, false, true])
})
