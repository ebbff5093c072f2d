import { expect, test } from 'vitest'
import { explanation, isReadyLine, readableProblem } from './log-line.ts'

test('only the log entry `ready` is the ready line', () => {
  expect(isReadyLine('{"level":"info","msg":"ready"}')).toBe(true)
  expect(isReadyLine('{"level":"info","msg":"not ready"}')).toBe(false)
  expect(isReadyLine('ready')).toBe(false)
  expect(isReadyLine('{"msg":"ready"')).toBe(false)
})

test.each([
  ['{"level":"info","msg":"request"}', undefined],
  ['{"level":"warn","msg":"bus","kind":"disconnected","message":"host:1"}', 'warn: bus: disconnected: host:1'],
  ['{"level":"fatal","msg":"could not start","err":{"message":"no NATS"}}', 'fatal: could not start: no NATS'],
  ['[7] 2025/11/22 18:00:00.1 [INF] Server is ready', undefined],
  ['[7] 2025/11/22 18:00:00.1 [ERR] 127.0.0.1:4 - authorization violation', 'error: 127.0.0.1:4 - authorization violation'],
  ['plain text', undefined],
])('%s is shown as %s', (line, shown) => {
  expect(readableProblem(line)).toBe(shown)
})

test('long lines are cut', () => {
  expect(readableProblem(`{"level":"error","msg":"${'x'.repeat(1000)}"}`)?.length).toBeLessThan(320)
})

test('an exit is explained by the last problems, else by the last output', () => {
  expect(explanation('{"level":"info","msg":"a"}\n{"level":"fatal","msg":"b"}\n{"level":"info","msg":"c"}\n')).toEqual(['fatal: b'])
  expect(explanation('one\ntwo\n\n', 1)).toEqual(['two'])
})
