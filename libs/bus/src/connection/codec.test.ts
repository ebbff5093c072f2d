import type { StoredEvent } from '@codex-bridge/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeEvent, decodeJson, decodeText, encodeJson, eventJson } from './codec.ts'

const event = (payload: Record<string, unknown>): StoredEvent => ({
  id: 'evt_1',
  ts: '2026-01-01T00:00:00.000Z',
  type: 'lane.created',
  laneId: 'a',
  threadId: null,
  sessionId: null,
  payload,
  state: {},
})

describe('eventJson', () => {
  it('is the event with its sequence, for any payload', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), fc.nat(), (payload, seq) => {
        const plain = JSON.parse(JSON.stringify(event(payload))) as StoredEvent
        const text = eventJson(encodeJson(plain), seq)
        expect(JSON.parse(text)).toEqual({ seq, ...plain })
      }),
    )
  })

  it('puts the sequence first and the text on one line', () => {
    const text = eventJson(encodeJson(event({ text: 'a\nb\r\n\u2028é😀' })), 7)
    expect(text.startsWith('{"seq":7,"id":"evt_1"')).toBe(true)
    expect(text).not.toMatch(/[\r\n]/)
  })
})

describe('decodeEvent', () => {
  it('reads what was stored', () => {
    expect(decodeEvent(encodeJson(event({ a: 1 })), 3)).toEqual({ seq: 3, ...event({ a: 1 }) })
  })

  it.each([
    ['no JSON', new TextEncoder().encode('{"id":')],
    ['nothing', new Uint8Array()],
    ['another kind of body', encodeJson({ hello: 'world' })],
    ['an id of another form', encodeJson({ ...event({}), id: 'x' })],
    ['a lane id outside the grammar', encodeJson({ ...event({}), laneId: 'a b' })],
    ['a list', encodeJson([])],
    ['null', encodeJson(null)],
  ])('is undefined for %s', (_what, bytes) => {
    expect(decodeEvent(bytes, 1)).toBeUndefined()
  })
})

it('decodeJson throws SyntaxError for what is not JSON', () => {
  expect(() => decodeJson(new TextEncoder().encode('nope'))).toThrow(SyntaxError)
  expect(decodeText(encodeJson({ a: 'ü' }))).toBe('{"a":"ü"}')
})
