import { describe, expect, it } from 'vitest'
import { commandIdOf, stepId } from './command.id.ts'

describe('commandIdOf', () => {
  it('makes one where none is given', () => expect(commandIdOf(undefined)).toMatch(/^cmd_/))
  it.each(['a', '"quoted"', 'x'.repeat(128)])('takes %s', (key) => expect(commandIdOf(key)).toBe(key))
  it.each(['', ' ', 'a b', 'x'.repeat(129), 'ü', 'a\tb'])('refuses %j', (key) => {
    expect(() => commandIdOf(key)).toThrow(expect.objectContaining({ code: 'idempotency_key_invalid' }))
  })
})

describe('stepId', () => {
  it('is readable where it fits', () => expect(stepId('cmd_1', 'wake')).toBe('cmd_1:wake'))
  it('stays within the limit and apart for long ids', () => {
    const [left, right] = [stepId(`${'x'.repeat(127)}1`, 'wake'), stepId(`${'x'.repeat(127)}2`, 'wake')]
    expect(left.length).toBeLessThanOrEqual(128)
    expect(left).not.toBe(right)
    expect(stepId(`${'x'.repeat(127)}1`, 'wake')).toBe(left)
  })
})
