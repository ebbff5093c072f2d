import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LaneOrderedQueue } from './lane-ordered-queue.ts'

type Step =
  | { do: 'arrive'; lane: number }
  | { do: 'take' }
  | { do: 'finish'; pick: number }
  | { do: 'fail'; pick: number; wait: number }
  | { do: 'give back'; pick: number }
  | { do: 'again' }
  | { do: 'wait'; ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('arrive' as const), lane: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('finish' as const), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fail' as const), pick: fc.nat(), wait: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('give back' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('again' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(15) }) },
)

/** The rule written down naively: of every lane's oldest unfinished job, the lowest that is in hand, due and whose lane is idle. */
type Known = { seq: number; lane: string; due: number; held: boolean; flying: boolean }
const expected = (known: Known[], now: number): number | undefined => {
  const lanes = new Set(known.map(({ lane }) => lane))
  const heads = [...lanes].map((lane) => known.filter((job) => job.lane === lane).sort((left, right) => left.seq - right.seq))
  return heads
    .filter((jobs) => !jobs.some(({ flying }) => flying))
    .map((jobs) => jobs[0])
    .filter((head) => head !== undefined)
    .filter((head) => head.held && head.due <= now)
    .sort((left, right) => left.seq - right.seq)[0]?.seq
}

describe('the lane scheduler', () => {
  it('always takes what the naive rule takes, and finishes every lane in order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const scheduler = new LaneOrderedQueue()
        let known: Known[] = []
        const finished = new Map<string, number[]>()
        let now = 0
        let next = 1
        const flying = () => known.filter((job) => job.flying)
        for (const current of steps) {
          if (current.do === 'arrive') {
            const job = { seq: next++, lane: `lane-${current.lane}`, due: 0, held: true, flying: false }
            known.push(job)
            scheduler.hold(job.seq, job.lane, 0)
          } else if (current.do === 'take') {
            const wanted = expected(known, now)
            expect(scheduler.take(now)).toBe(wanted)
            for (const job of known) if (job.seq === wanted) job.flying = true
          } else if (current.do === 'finish') {
            const job = flying()[current.pick % Math.max(1, flying().length)]
            if (!job) continue
            scheduler.finish(job.seq)
            known = known.filter((other) => other !== job)
            finished.set(job.lane, [...(finished.get(job.lane) ?? []), job.seq])
          } else if (current.do === 'fail') {
            const job = flying()[current.pick % Math.max(1, flying().length)]
            if (!job) continue
            job.flying = false
            job.due = now + current.wait
            scheduler.postpone(job.seq, job.due)
          } else if (current.do === 'give back') {
            const idle = known.filter((job) => !job.flying)
            const job = idle[current.pick % Math.max(1, idle.length)]
            if (!job) continue
            job.held = false
            scheduler.release(job.seq)
          } else if (current.do === 'again') {
            for (const job of known) {
              job.held = true
              scheduler.hold(job.seq, job.lane, 0)
            }
          } else now += current.ms
          expect(scheduler.flying).toBe(flying().length)
          expect(scheduler.size).toBe(known.length)
        }
        for (const order of finished.values()) expect(order).toEqual([...order].sort((left, right) => left - right))
      }),
      { numRuns: 2000 },
    )
  })

  it('puts an older job that comes late before the younger ones', () => {
    const scheduler = new LaneOrderedQueue()
    scheduler.hold(5, 'a', 0)
    scheduler.hold(3, 'a', 0)
    expect(scheduler.take(0)).toBe(3)
    expect(scheduler.take(0)).toBeUndefined()
  })

  it('knows when it is worth asking again', () => {
    const scheduler = new LaneOrderedQueue()
    expect(scheduler.nextDue()).toBeUndefined()
    scheduler.hold(1, 'a', 70)
    scheduler.hold(2, 'b', 50)
    scheduler.hold(3, 'b', 0)
    expect(scheduler.nextDue()).toBe(50)
    scheduler.release(2)
    expect(scheduler.nextDue()).toBe(70)
  })
})
