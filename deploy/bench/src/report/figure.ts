type Unit = 'ms' | 's' | 'req/s'

/** What the result of a figure is held against. */
type Target = { bound: 'at most' | 'at least'; value: number }

/** One line of the report: the bridge, the baseline of the same run, and what follows from the two. */
export type Figure = {
  name: string
  unit: Unit
  bridge: number
  baseline: number
  result: number
  /** `ratio` to the baseline, what the bridge `added` to it, or the bridge's own figure, `plain`. */
  resultIs: 'ratio' | 'added' | 'plain'
  /** None for a line that is there to explain another. */
  target?: Target
}

/** What one measurement found: its figures, and what a reader must know to judge them. */
export type Measurement = { title: string; figures: Figure[]; notes: string[] }

/** A measurement that could not be carried out. */
export type FailedMeasurement = { title: string; failure: string }

export type Verdict = { met: boolean; missedBy: number }

/** Undefined for a figure without a target. */
export const verdictOf = ({ result, target }: Figure): Verdict | undefined => {
  if (!target) return
  const missedBy = target.bound === 'at most' ? result - target.value : target.value - result
  return { met: missedBy <= 0, missedBy: Math.max(0, missedBy) }
}
