import { expect, test } from 'vitest'
import { type Figure, verdictOf } from './figure.ts'
import { reportText } from './report-table.ts'

const machine = {
  cpu: 'Some CPU',
  cores: 2,
  memoryGiB: 8,
  kernel: 'Linux 6 x64',
  node: '20.20.2',
  nats: '2.9.10',
  redis: '7.0.15',
  codex: '0.169.0',
  loadBefore: [1, 2, 3],
}

const turn: Figure = {
  name: 'turn, median',
  unit: 'ms',
  bridge: 50,
  baseline: 40,
  result: 1.25,
  resultIs: 'ratio',
  target: { bound: 'at most', value: 1.15 },
}

const rest: Figure = {
  ...turn,
  name: 'GET /lanes/{id}',
  unit: 'req/s',
  bridge: 4000,
  baseline: 10_000,
  result: 0.4,
  target: { bound: 'at least', value: 0.3 },
}

test('a figure meets its target or says by how much it does not', () => {
  expect(verdictOf(turn)?.missedBy).toBeCloseTo(0.1)
  expect(verdictOf({ ...turn, result: 1.15 })).toEqual({ met: true, missedBy: 0 })
  expect(verdictOf(rest)).toEqual({ met: true, missedBy: 0 })
  expect(verdictOf({ ...rest, result: 0.25 })?.missedBy).toBeCloseTo(0.05)
  const { target: _, ...explaining } = turn
  expect(verdictOf(explaining)).toBeUndefined()
})

test('the report names the machine, every figure with its verdict, and what failed', () => {
  const text = reportText(machine, [
    { title: 'turns', figures: [turn, rest], notes: ['80 turns'] },
    { title: 'warm start', failure: 'not healthy' },
  ])
  expect(text).toContain('Some CPU, 2 cores, 8 GiB')
  expect(text).toMatch(/turn, median +50\.0 ms +40\.0 ms +1\.25 × +≤ 1\.15 × +missed by 0\.10 ×/)
  expect(text).toMatch(/GET \/lanes\/\{id\} +4000 req\/s +10000 req\/s +0\.40 × +≥ 0\.30 × +met/)
  expect(text).toContain('turns: 80 turns')
  expect(text).toContain('warm start: FAILED: not healthy')
})
