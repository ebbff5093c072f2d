import { describe, expect, it } from 'vitest'
import { isAlarming, planPurge } from './retention-plan.ts'

const NOW = Date.parse('2026-03-31T12:00:00.000Z')
const DAY_MS = 86_400_000
const policy = { days: 30, graceSec: 60, maxBytes: 0 }
const deleted = (laneId: string, ageMs: number, seq = 10) => ({ laneId, seq, deletedAt: new Date(NOW - ageMs).toISOString() })
const ids = (lanes: { laneId: string }[]) => lanes.map(({ laneId }) => laneId)

describe('planPurge', () => {
  it('takes lanes whose days are up, oldest first', () => {
    const lanes = [deleted('new', 29 * DAY_MS), deleted('old', 30 * DAY_MS), deleted('oldest', 90 * DAY_MS)]
    expect(ids(planPurge(lanes, policy, 10, NOW).due)).toEqual(['oldest', 'old'])
  })

  it('keeps what a reaction has not handled, however old it is and however full the log is', () => {
    const lanes = [deleted('handled', 90 * DAY_MS, 10), deleted('unhandled', 90 * DAY_MS, 11)]
    const { due, early } = planPurge(lanes, { ...policy, maxBytes: 1 }, 10, NOW)
    expect(ids([...due, ...early])).toEqual(['handled'])
  })

  it('keeps every lane for the grace, also with no days at all and a full log', () => {
    const lanes = [deleted('just-now', 59_000), deleted('a-minute-ago', 60_000)]
    expect(ids(planPurge(lanes, { ...policy, days: 0 }, 10, NOW).due)).toEqual(['a-minute-ago'])
    expect(ids(planPurge(lanes, { ...policy, maxBytes: 1 }, 10, NOW).early)).toEqual(['a-minute-ago'])
  })

  it('offers the others to be purged early only under a limit, oldest first', () => {
    const lanes = [deleted('newer', DAY_MS), deleted('older', 2 * DAY_MS), deleted('due', 31 * DAY_MS)]
    expect(planPurge(lanes, policy, 10, NOW).early).toEqual([])
    const { due, early } = planPurge(lanes, { ...policy, maxBytes: 1 }, 10, NOW)
    expect([ids(due), ids(early)]).toEqual([['due'], ['older', 'newer']])
  })
})

describe('isAlarming', () => {
  it.each([
    [79, 100, false],
    [80, 100, true],
    [120, 100, true],
    [1e12, 0, false],
  ])('%s bytes under a limit of %s: %s', (bytes, maxBytes, expected) => {
    expect(isAlarming(bytes, { ...policy, maxBytes })).toBe(expected)
  })
})
