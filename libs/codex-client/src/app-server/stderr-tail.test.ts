import { expect, it } from 'vitest'
import { StderrTail, stripAnsi } from './stderr-tail.ts'

it('strips colours, cursor moves and titles', () => {
  expect(stripAnsi('\u001b[1;31mred\u001b[0m \u001b]0;title\u0007x\u001b[2K')).toBe('red x')
})

it('keeps the end, in bounded memory, through codes and characters cut by chunks', () => {
  const tail = new StderrTail(64)
  for (let n = 0; n < 10_000; n += 1) {
    for (const byte of Buffer.from(`\u001b[33mline ${n} é\u001b[0m\n`)) {
      tail.push(Buffer.from([byte]))
    }
  }
  const text = tail.read()
  expect(text.endsWith('line 9998 é\nline 9999 é\n')).toBe(true)
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(64 + 3)
  expect(text).not.toContain('\u001b')
})
