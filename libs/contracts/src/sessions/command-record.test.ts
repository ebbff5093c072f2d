import { describe, expect, it } from 'vitest'
import { COMMANDS_REMEMBERED, type CommandRecord, rememberCommand } from './command-record.ts'

const record = (commandId: string, verb = 'prompt'): CommandRecord => ({ commandId, fingerprint: 'f', verb, answer: {} })

describe('rememberCommand', () => {
  it('keeps the newest and forgets the oldest beyond the limit', () => {
    let records: CommandRecord[] = []
    for (let index = 0; index < COMMANDS_REMEMBERED + 5; index += 1) records = rememberCommand(records, record(`c${index}`))
    expect(records).toHaveLength(COMMANDS_REMEMBERED)
    expect(records[0]?.commandId).toBe('c5')
    expect(records.at(-1)?.commandId).toBe(`c${COMMANDS_REMEMBERED + 4}`)
  })

  it('replaces an earlier record of the same id and leaves its argument alone', () => {
    const before = [record('a'), record('b')]
    const after = rememberCommand(before, record('a', 'steer'))
    expect(after.map(({ commandId, verb }) => [commandId, verb])).toEqual([
      ['b', 'prompt'],
      ['a', 'steer'],
    ])
    expect(before).toHaveLength(2)
  })
})
