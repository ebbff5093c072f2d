import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StreamEvent } from './frame.ts'
import { EventRing } from './ring.ts'

const eventAt = (seq: number, size = 0): StreamEvent => {
  const bytes = new TextEncoder().encode(`{"id":"${'x'.repeat(size)}"}`)
  const event = StreamEvent.of({ seq, subject: 'lane.evt.a.lane', type: 'lane.created', bytes })
  if (!event) throw new Error('no event')
  return event
}

const seqsAfter = (ring: EventRing, seq: number) => [...ring.after(seq)].map((event) => event.seq)

describe('EventRing', () => {
  it('holds the newest events and knows where it is complete from', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ step: fc.integer({ min: 1, max: 3 }), size: fc.integer({ min: 0, max: 400 }) }), { maxLength: 3000 }),
        fc.integer({ min: 1, max: 50 }),
        fc.nat(6000),
        (steps, limit, cursor) => {
          const ring = new EventRing({ events: limit, bytes: 4000 }, 1)
          let seq = 0
          const all: number[] = []
          for (const { step, size } of steps) {
            seq += step
            all.push(seq)
            ring.push(eventAt(seq, size))
          }
          const from = Math.max(cursor, ring.completeFrom - 1)
          expect(seqsAfter(ring, from)).toEqual(all.filter((known) => known > from))
          expect(ring.size).toBeLessThanOrEqual(limit)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('holds a single event that exceeds the limit', () => {
    const ring = new EventRing({ events: 10, bytes: 100 }, 1)
    ring.push(eventAt(1))
    ring.push(eventAt(2, 500))
    expect(seqsAfter(ring, 0)).toEqual([2])
    expect(ring.completeFrom).toBe(2)
  })

  it('starts over', () => {
    const ring = new EventRing({ events: 10, bytes: 1e6 }, 1)
    ring.push(eventAt(1))
    ring.restart(50)
    expect([ring.completeFrom, ring.size, seqsAfter(ring, 0)]).toEqual([50, 0, []])
  })
})
