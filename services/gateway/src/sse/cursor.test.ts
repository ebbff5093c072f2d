import { describe, expect, it } from 'vitest'
import { cursorOf } from './cursor.ts'

describe('cursorOf', () => {
  it.each([
    [undefined, undefined, { kind: 'none' }],
    ['', '', { kind: 'none' }],
    ['', '12', { kind: 'after', seq: 12 }],
    ['34', '12', { kind: 'after', seq: 34 }],
    [' 34 ', undefined, { kind: 'after', seq: 34 }],
    ['0', undefined, { kind: 'after', seq: 0 }],
    ['abc', '12', { kind: 'malformed' }],
    ['-1', undefined, { kind: 'malformed' }],
    ['1e3', undefined, { kind: 'malformed' }],
    ['1.5', undefined, { kind: 'malformed' }],
    ['9007199254740992', undefined, { kind: 'malformed' }],
    ['99999999999999999999', undefined, { kind: 'malformed' }],
  ])('%j and %j → %j', (header, query, cursor) => expect(cursorOf(header, query)).toEqual(cursor))
})
