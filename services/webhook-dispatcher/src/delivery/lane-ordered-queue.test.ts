import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LaneOrderedQueue } from './lane-ordered-queue.ts'

type Step =
  | { do: 'arrive'; lane: number }
  | { do: 'take' }
  | { do: 'finish'; pick: number }
  | { do: 'fail'; pick: number; wait: number }
  | { do: 'suspend'; pick: number }
  | { do: 'add all again' }
  | { do: 'wait'; ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('arrive' as const), lane: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('finish' as const), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fail' as const), pick: fc.nat(), wait: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('suspend' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('add all again' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(15) }) },
)

/** The rule written naively: of the oldest job of every idle lane, the lowest one that is due and not suspended. */
type Known = { seq: number; lane: string; due: number; suspended: boolean; inFlight: boolean }
const expected = (known: Known[], now: number): number | undefined => {
  const lanes = new Set(known.map(({ lane }) => lane))
  const heads = [...lanes].map((lane) => known.filter((job) => job.lane === lane).sort((left, right) => left.seq - right.seq))
  return heads
    .filter((jobs) => !jobs.some(({ inFlight }) => inFlight))
    .map((jobs) => jobs[0])
    .filter((head) => head !== undefined)
    .filter((head) => !head.suspended && head.due <= now)
    .sort((left, right) => left.seq - right.seq)[0]?.seq
}

describe('a lane-ordered queue', () => {
  it('takes the same job as the naive rule, and finishes every lane in order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const queue = new LaneOrderedQueue()
        let known: Known[] = []
        const finished = new Map<string, number[]>()
        let now = 0
        let next = 1
        const inFlight = () => known.filter((job) => job.inFlight)
        for (const current of steps) {
          if (current.do === 'arrive') {
            const job = { seq: next++, lane: `lane-${current.lane}`, due: 0, suspended: false, inFlight: false }
            known.push(job)
            queue.add(job.seq, job.lane, 0)
          } else if (current.do === 'take') {
            const wanted = expected(known, now)
            expect(queue.take(now)).toBe(wanted)
            for (const job of known) if (job.seq === wanted) job.inFlight = true
          } else if (current.do === 'finish') {
            const job = inFlight()[current.pick % Math.max(1, inFlight().length)]
            if (!job) continue
            queue.remove(job.seq)
            known = known.filter((other) => other !== job)
            finished.set(job.lane, [...(finished.get(job.lane) ?? []), job.seq])
          } else if (current.do === 'fail') {
            const job = inFlight()[current.pick % Math.max(1, inFlight().length)]
            if (!job) continue
            job.inFlight = false
            job.due = now + current.wait
            queue.postpone(job.seq, job.due)
          } else if (current.do === 'suspend') {
            const idle = known.filter((job) => !job.inFlight)
            const job = idle[current.pick % Math.max(1, idle.length)]
            if (!job) continue
            job.suspended = true
            queue.suspend(job.seq)
          } else if (current.do === 'add all again') {
            for (const job of known) {
              job.suspended = false
              queue.add(job.seq, job.lane, 0)
            }
          } else now += current.ms
          expect(queue.inFlight).toBe(inFlight().length)
          expect(queue.size).toBe(known.length)
        }
        for (const order of finished.values()) expect(order).toEqual([...order].sort((left, right) => left - right))
      }),
      { numRuns: 2000 },
    )
  })

  it('puts an older job that arrives late before the newer ones', () => {
    const queue = new LaneOrderedQueue()
    queue.add(5, 'a', 0)
    queue.add(3, 'a', 0)
    expect(queue.take(0)).toBe(3)
    expect(queue.take(0)).toBeUndefined()
  })

  it('knows when the next job is due', () => {
    const queue = new LaneOrderedQueue()
    expect(queue.nextDue()).toBeUndefined()
    queue.add(1, 'a', 70)
    queue.add(2, 'b', 50)
    queue.add(3, 'b', 0)
    expect(queue.nextDue()).toBe(50)
    queue.suspend(2)
    expect(queue.nextDue()).toBe(70)
  })
})
