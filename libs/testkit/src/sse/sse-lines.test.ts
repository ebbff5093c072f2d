import { expect, test } from 'vitest'
import { SseLines } from './sse-lines.ts'
import { reportSequence } from './sse-sequence.ts'

const read = (chunks: readonly string[], start = ''): { lines: string[]; lastEventId: string } => {
  const reader = new SseLines(start)
  const lines: string[] = []
  for (const chunk of chunks) reader.feed(chunk, (line) => lines.push(line))
  return { lines, lastEventId: reader.lastEventId }
}

test('splits at every line end of the format, also across chunks', () => {
  const whole = 'id: 7\r\ndata: a\rdata: b\n\r\n: c\n\n'
  const expected = ['id: 7', 'data: a', 'data: b', '', ': c', '']
  expect(read([whole]).lines).toEqual(expected)
  expect(read([...whole]).lines).toEqual(expected)
  expect(read([...whole]).lastEventId).toBe('7')
})

test('an id counts in a frame without data, not in an incomplete one, and may be reset', () => {
  expect(read(['id: 4\n\n']).lastEventId).toBe('4')
  expect(read(['id: 4\n\nid: 5\ndata: x\n']).lastEventId).toBe('4')
  expect(read(['id:5\ndata: x\n\ndata: y\n\n']).lastEventId).toBe('5')
  expect(read(['id\n\n'], '9').lastEventId).toBe('')
  expect(read(['id: a\0b\n\n'], '9').lastEventId).toBe('9')
  expect(read(['idle: 3\n\n'], '9').lastEventId).toBe('9')
})

test('a sequence report finds duplicates, disorder and gaps, and restarts at a reset', () => {
  const frames = (...ids: (number | 'reset' | null)[]) =>
    ids.map((id) => ({ event: id === 'reset' ? 'reset' : 'e', id: typeof id === 'number' ? String(id) : null }))
  expect(reportSequence(frames(1, 2, null, 2, 6, 4))).toEqual({
    count: 5,
    first: 1,
    last: 4,
    duplicates: [2],
    outOfOrder: [4],
    gaps: [
      { from: 3, to: 3 },
      { from: 5, to: 5 },
    ],
  })
  expect(reportSequence(frames(8, 9, 'reset', 1, 2))).toMatchObject({ count: 2, duplicates: [], outOfOrder: [] })
  expect(() => reportSequence([{ id: 'x', event: 'e' }])).toThrow('not a stream sequence')
})
