/** Completeness of a stream according to its ids, which are stream sequences. */
export type SequenceReport = {
  /** Frames with an id; frames without one (deltas, heartbeats) are outside the sequence. */
  readonly count: number
  readonly first: number | undefined
  readonly last: number | undefined
  /** Ids seen more than once. */
  readonly duplicates: readonly number[]
  /** Ids seen for the first time after a higher one. */
  readonly outOfOrder: readonly number[]
  /** Ranges never seen, both ends included. Normal on a filtered stream. */
  readonly gaps: readonly { readonly from: number; readonly to: number }[]
}

type Frame = {
  readonly id: string | null
  readonly event: string
}

const sequenceOf = (frame: Frame): number => {
  const sequence = Number(frame.id)
  if (frame.id === '' || !Number.isSafeInteger(sequence)) {
    throw new Error(`event id ${JSON.stringify(frame.id)} of ${frame.event} is not a stream sequence`)
  }
  return sequence
}

const gapsOf = (ids: ReadonlySet<number>): { from: number; to: number }[] => {
  const sorted = [...ids].sort((a, b) => a - b)
  return sorted.flatMap((id, index) => {
    const previous = sorted[index - 1]
    return previous === undefined || id === previous + 1 ? [] : [{ from: previous + 1, to: id - 1 }]
  })
}

/** Examines the ids of frames in order of arrival. A frame named `reset` restarts the count, because its stream was recreated. */
export const reportSequence = (frames: readonly Frame[]): SequenceReport => {
  const start = frames.findLastIndex((frame) => frame.event === 'reset') + 1
  const ids = frames
    .slice(start)
    .filter((frame) => frame.id !== null)
    .map(sequenceOf)
  const seen = new Set<number>()
  const duplicates: number[] = []
  const outOfOrder: number[] = []
  let highest = Number.NEGATIVE_INFINITY
  for (const id of ids) {
    if (seen.has(id)) {
      duplicates.push(id)
    } else if (id < highest) {
      outOfOrder.push(id)
    }
    seen.add(id)
    highest = Math.max(highest, id)
  }
  return { count: ids.length, first: ids[0], last: ids.at(-1), duplicates, outOfOrder, gaps: gapsOf(seen) }
}
