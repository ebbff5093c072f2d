import { type FailedMeasurement, type Figure, type Measurement, verdictOf } from './figure.ts'
import type { Machine } from './machine.ts'

const HEAD = ['figure', 'bridge', 'baseline', 'result', 'target', 'verdict']
const COLUMN_GAP = '  '

const number = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(value < 10 ? 2 : 1))

const resultText = (figure: Pick<Figure, 'resultIs' | 'unit'>, value: number): string => {
  if (figure.resultIs === 'ratio') return `${number(value)} ×`
  return figure.resultIs === 'added' ? `+${number(value)} ${figure.unit}` : `${number(value)} ${figure.unit}`
}

const verdictText = (figure: Figure): string => {
  const verdict = verdictOf(figure)
  if (!verdict) return ''
  if (verdict.met) return 'met'
  const unit = figure.resultIs === 'ratio' ? ' ×' : ` ${figure.unit}`
  return `missed by ${number(verdict.missedBy)}${unit}`
}

const rowOf = (figure: Figure): string[] => [
  figure.name,
  `${number(figure.bridge)} ${figure.unit}`,
  `${number(figure.baseline)} ${figure.unit}`,
  resultText(figure, figure.result),
  figure.target ? `${figure.target.bound === 'at most' ? '≤' : '≥'} ${resultText(figure, figure.target.value).replace(/^\+/, '')}` : '',
  verdictText(figure),
]

const aligned = (rows: readonly string[][]): string[] => {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join(COLUMN_GAP)
      .trimEnd(),
  )
}

const machineLines = (machine: Machine): string[] => [
  `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.kernel}`,
  `node ${machine.node}, nats-server ${machine.nats}, redis ${machine.redis}, codex ${machine.codex}`,
  `load average before the run: ${machine.loadBefore.map((load) => load.toFixed(2)).join(' ')}`,
]

/** The whole report as text. */
export const reportText = (machine: Machine, outcomes: readonly (Measurement | FailedMeasurement)[]): string => {
  const measured = outcomes.filter((outcome) => 'figures' in outcome)
  const failed = outcomes.filter((outcome) => 'failure' in outcome)
  const table = aligned([HEAD, ...measured.flatMap(({ figures }) => figures.map(rowOf))])
  return [
    ...machineLines(machine),
    '',
    table[0] ?? '',
    '-'.repeat(Math.max(...table.map((line) => line.length))),
    ...table.slice(1),
    '',
    ...measured.flatMap(({ title, notes }) => notes.map((note) => `${title}: ${note}`)),
    ...failed.map(({ title, failure }) => `${title}: FAILED: ${failure}`),
  ].join('\n')
}
