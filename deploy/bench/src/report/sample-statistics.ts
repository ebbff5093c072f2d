/** A quantile between 0 and 1 by linear interpolation. @throws RangeError without samples: a figure out of nothing is no figure */
export const quantile = (samples: readonly number[], fraction: number): number => {
  if (samples.length === 0) throw new RangeError('no samples')
  const sorted = [...samples].sort((left, right) => left - right)
  const position = (sorted.length - 1) * fraction
  const below = sorted[Math.floor(position)] as number
  const above = sorted[Math.ceil(position)] as number
  return below + (above - below) * (position - Math.floor(position))
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5)

/** What one round of both sides gave. */
export type Round = { bridge: number; baseline: number }

/**
 * The median over rounds of each side and of their comparison. The two sides of a round were measured within seconds of each
 * other, so comparing per round cancels what the machine does beside; the comparison of the medians would not.
 */
export const summarise = (rounds: readonly Round[], compare: (round: Round) => number): Round & { result: number } => ({
  bridge: median(rounds.map(({ bridge }) => bridge)),
  baseline: median(rounds.map(({ baseline }) => baseline)),
  result: median(rounds.map(compare)),
})

export const ratioOf = ({ bridge, baseline }: Round): number => bridge / baseline
export const differenceOf = ({ bridge, baseline }: Round): number => bridge - baseline
