import { describe, expect, it } from 'vitest'
import { compileFilter } from './filter.ts'
import { deltaFrame, heartbeatFrame, noticeFrame, openingFrame, retryMs, StreamEvent } from './frame.ts'

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const raw = (body: string, seq = 7, subject = 'lane.evt.lane-a.session') => ({
  seq,
  subject,
  type: 'lane.turn.completed',
  bytes: new TextEncoder().encode(body),
})
const eventOf = (body: string) => {
  const event = StreamEvent.of(raw(body))
  if (!event) throw new Error('no event')
  return event
}

describe('StreamEvent', () => {
  it('encodes a frame without a name, with the id last', () => {
    expect(text(eventOf('{"id":"evt_1","laneId":"lane-a"}').frame)).toBe('data: {"seq":7,"id":"evt_1","laneId":"lane-a"}\nid: 7\n\n')
  })

  it('has a single data line for any body', () => {
    const frame = text(eventOf('{"id":"evt_1",\r\n"payload":{"text":"a\\nb\\u2028\u2028😀\\u0000"}\n}').frame)
    expect(frame.split('\n')).toHaveLength(4)
    expect(JSON.parse(frame.split('\n')[0]?.slice(6) ?? '').payload.text).toBe('a\nb\u2028\u2028😀\u0000')
  })

  it.each([
    ['an empty body', raw('')],
    ['an array', raw('[1]')],
    ['an empty object', raw('{}')],
    ['another subject', raw('{"id":"evt_1"}', 7, 'lane.cmd.registry.x')],
    ['another aggregate', raw('{"id":"evt_1"}', 7, 'lane.evt.a.other')],
  ])('is undefined for %s', (_what, message) => expect(StreamEvent.of(message)).toBeUndefined())

  it('parses the context on first use and tolerates a malformed body', () => {
    expect(eventOf('{"threadId":"t1","sessionId":null}').context).toEqual({ laneId: 'lane-a', threadId: 't1', sessionId: null })
    expect(eventOf('{"broken').context).toEqual({ laneId: 'lane-a', threadId: null, sessionId: null })
  })
})

describe('other frames', () => {
  it('open with a reconnect delay and an id without data', () => expect(text(openingFrame(2500, 41))).toBe('retry: 2500\nid: 41\n\n'))
  it('send heartbeats with and without an id', () => {
    expect(text(heartbeatFrame())).toBe(': heartbeat\n\n')
    expect(text(heartbeatFrame(9))).toBe(': heartbeat\nid: 9\n\n')
  })
  it('report gaps as named events', () => {
    expect(text(noticeFrame({ event: 'gap', reason: 'expired', from: 3, to: 8 }, 8))).toBe(
      'event: gap\ndata: {"reason":"expired","from":3,"to":8}\nid: 8\n\n',
    )
  })
  it('carry deltas without an id', () => expect(text(deltaFrame('{"text":"x"}\n'))).toBe('event: delta\ndata: {"text":"x"} \n\n'))
  it('spread reconnects', () => expect([retryMs(0), retryMs(0.5), retryMs(1)]).toEqual([2000, 3500, 5000]))
})

describe('compileFilter', () => {
  const event = eventOf('{"threadId":"t1","sessionId":"lane-a"}')
  const admits = (scope: object, types: string[] = []) => compileFilter({ types, scope, deltas: false })(event)
  it.each([
    [{}, [], true],
    [{ laneIds: ['lane-a', 'x'] }, [], true],
    [{ laneIds: ['x'] }, [], false],
    [{ threadIds: ['t1'] }, ['lane.*'], true],
    [{ threadIds: ['t2'] }, [], false],
    [{ sessionIds: ['lane-a'], threadIds: ['t1'] }, [], true],
    [{ sessionIds: ['x'], threadIds: ['t1'] }, [], false],
    [{}, ['lane.turn.completed'], true],
    [{}, ['lane.turn.*', 'x'], true],
    [{}, ['lane.approval.*'], false],
    [{}, ['*'], true],
  ])('%j %j → %s', (scope, types, expected) => expect(admits(scope, types)).toBe(expected))
})
