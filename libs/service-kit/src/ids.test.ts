import { describe, expect, it } from 'vitest'
import { newId, stampEvent, stepId } from './ids.ts'

describe('stepId', () => {
  it('is readable where it fits', () => expect(stepId('cmd_1', 'wake')).toBe('cmd_1:wake'))
  it('stays within the limit and apart for long ids', () => {
    const [left, right] = [stepId(`${'x'.repeat(127)}1`, 'wake'), stepId(`${'x'.repeat(127)}2`, 'wake')]
    expect(left.length).toBeLessThanOrEqual(128)
    expect(left).not.toBe(right)
    expect(stepId(`${'x'.repeat(127)}1`, 'wake')).toBe(left)
  })
})

describe('ids', () => {
  it('of events are all different and sort in the order they were made', () => {
    const ids = Array.from({ length: 5000 }, () => stampEvent().id)
    expect(new Set(ids).size).toBe(5000)
    expect([...ids].sort()).toEqual(ids)
  })

  it('are random in every letter behind the time', async () => {
    const seen = Array.from({ length: 16 }, () => new Set<string>())
    // Within one millisecond an id is the one before plus one: only the first of each is random.
    for (let made = 0; made < 100; made += 1) {
      await new Promise((resolve) => setTimeout(resolve, 2))
      const letters = newId('wh').slice(-16)
      for (const [place, set] of seen.entries()) set.add(letters[place] ?? '')
    }
    expect(Math.min(...seen.map(({ size }) => size))).toBeGreaterThan(8)
  })
})
