import { describe, expect, it } from 'vitest'
import { commandIdOf } from './command-id.ts'

describe('commandIdOf', () => {
  it('makes one where none is given', () => expect(commandIdOf(undefined)).toMatch(/^cmd_/))
  it.each(['a', '"quoted"', 'x'.repeat(128)])('takes %s', (key) => expect(commandIdOf(key)).toBe(key))
  it.each(['', ' ', 'a b', 'x'.repeat(129), 'ü', 'a\tb'])('refuses %j', (key) => {
    expect(() => commandIdOf(key)).toThrow(expect.objectContaining({ code: 'idempotency_key_invalid' }))
  })
})
