import { describe, expect, it } from 'vitest'
import { commandIdOf } from './command-id.ts'

describe('commandIdOf', () => {
  it('generates an id without a key', () => expect(commandIdOf(undefined)).toMatch(/^cmd_/))
  it.each(['a', '"quoted"', 'x'.repeat(128)])('accepts %s', (key) => expect(commandIdOf(key)).toBe(key))
  it.each(['', ' ', 'a b', 'x'.repeat(129), 'ü', 'a\tb'])('rejects %j', (key) => {
    expect(() => commandIdOf(key)).toThrow(expect.objectContaining({ code: 'idempotency_key_invalid' }))
  })
})
