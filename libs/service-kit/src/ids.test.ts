import { describe, expect, it } from 'vitest'
import { stepId } from './ids.ts'

describe('stepId', () => {
  it('is readable where it fits', () => expect(stepId('cmd_1', 'wake')).toBe('cmd_1:wake'))
  it('stays within the limit and apart for long ids', () => {
    const [left, right] = [stepId(`${'x'.repeat(127)}1`, 'wake'), stepId(`${'x'.repeat(127)}2`, 'wake')]
    expect(left.length).toBeLessThanOrEqual(128)
    expect(left).not.toBe(right)
    expect(stepId(`${'x'.repeat(127)}1`, 'wake')).toBe(left)
  })
})
