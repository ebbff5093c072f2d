import type { StoredEvent } from '@codex-bridge/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeEnvelope, decodeEvent, decodeJson, decodeText, encodeJson, eventJson } from './codec.ts'

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

describe('decoding', () => {
  const created = event({ title: null, repoRoot: null, projectId: null })

  it('reads the envelope of what was stored', () => {
    expect(decodeEnvelope(encodeJson(created), 3).event).toEqual({ seq: 3, ...created })
  })

  it('checks payload and state for typed events only', () => {
    expect(decodeEvent(encodeJson(created), 3).problem).toContain('state of lane.created')
  })

  it.each([
    ['no JSON', new TextEncoder().encode('{"id":')],
    ['nothing', new Uint8Array()],
    ['another kind of body', encodeJson({ hello: 'world' })],
    ['an id of another form', encodeJson({ ...created, id: 'x' })],
    ['a lane id outside the grammar', encodeJson({ ...created, laneId: 'a b' })],
    ['a list', encodeJson([])],
    ['null', encodeJson(null)],
  ])('returns the problem for %s', (_what, bytes) => {
    for (const decode of [decodeEnvelope, decodeEvent]) {
      expect(decode(bytes, 1).event).toBeUndefined()
      expect(decode(bytes, 1).problem).toMatch(/^not (JSON|an event)/)
    }
  })
})

it('decodeJson throws SyntaxError for what is not JSON', () => {
  expect(() => decodeJson(new TextEncoder().encode('nope'))).toThrow(SyntaxError)
  expect(decodeText(encodeJson({ a: 'ü' }))).toBe('{"a":"ü"}')
})
