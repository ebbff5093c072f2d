import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BridgeError } from './errors.ts'
import { AGGREGATES, isLaneId, LaneId } from './ids.ts'
import { parseEventSubject, subjects } from './subjects.ts'
import { guard } from './validate.ts'

const HOSTILE: [string, unknown][] = [
  ['empty', ''],
  ['a space', 'a b'],
  ['a dot', 'a.b'],
  ['CRLF and a protocol line', 'a\r\nPUB lane.cmd.registry.delete-lane 0\r\n\r\n'],
  ['a line feed at the end', 'a\n'],
  ['a carriage return at the end', 'a\r'],
  ['a line separator', 'a\u2028'],
  ['a tab', 'a\tb'],
  ['a null byte', 'a\0'],
  ['the star', '*'],
  ['a star inside', 'a*'],
  ['the full wildcard', '>'],
  ['a leading dash', '-a'],
  ['a leading underscore', '_a'],
  ['65 characters', 'a'.repeat(65)],
  ['a slash', '../etc'],
  ['a dollar', '$JS'],
  ['a letter that only looks Latin', 'l\u0430ne'],
  ['full-width digits', '\uFF11'],
  ['a combining mark', 'a\u0301'],
  ['a number', 7],
  ['null', null],
  ['undefined', undefined],
  ['a list', ['a']],
  ['an object with toString', { toString: () => 'a' }],
]

const isLaneIdBySchema = guard(LaneId)

describe('the lane id grammar', () => {
  it.each(HOSTILE)('refuses %s', (_what, id) => {
    expect(isLaneId(id)).toBe(false)
    expect(isLaneIdBySchema(id)).toBe(false)
  })

  it.each(['a', '0', 'lane-1', 'Lane_2', `a${'-'.repeat(63)}`, 'a--__'])('accepts %s', (id) => {
    expect(isLaneId(id)).toBe(true)
    expect(isLaneIdBySchema(id)).toBe(true)
  })

  it('never lets through what could be more than one token of a subject', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
        const safe = text.length > 0 && text.length <= 64 && [...text].every((char) => /[A-Za-z0-9_-]/.test(char)) && !/^[_-]/.test(text)
        expect(isLaneId(text)).toBe(safe)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('subjects', () => {
  const builders: [string, (id: string) => string][] = [
    ['event', (id) => subjects.event(id, 'lane')],
    ['laneEvents', (id) => subjects.laneEvents(id)],
    ['delta', (id) => subjects.delta(id)],
    ['session', (id) => subjects.session(id, 'prompt')],
    ['job', (id) => subjects.job(id)],
    ['dead', (id) => subjects.dead(id)],
  ]

  it.each(builders)('%s refuses every hostile id with validation_error', (_name, build) => {
    for (const [what, id] of HOSTILE) {
      const problem = (() => {
        try {
          build(id as string)
        } catch (error) {
          return error
        }
        return undefined
      })()
      expect(problem, what).toBeInstanceOf(BridgeError)
      expect((problem as BridgeError).code, what).toBe('validation_error')
    }
  })

  it('reads back what it builds', () => {
    for (const aggregate of AGGREGATES) {
      expect(parseEventSubject(subjects.event('lane-1', aggregate))).toEqual({ laneId: 'lane-1', aggregate })
      expect(parseEventSubject(`lane.live.lane-1.${aggregate}`)).toEqual({ laneId: 'lane-1', aggregate })
    }
  })

  it.each([
    'lane.cmd.registry.health',
    'lane.evt.a',
    'lane.evt.a.other',
    'lane.evt.a.lane.more',
    'lane.evt.-a.lane',
    'other.evt.a.lane',
    '',
  ])('reads nothing from %j', (subject) => {
    expect(parseEventSubject(subject)).toBeUndefined()
  })

  it('never puts requests where the event stream would answer them', () => {
    const streamed = /^lane\.evt\.[^.]+\.[^.]+$/
    expect(subjects.command('registry', 'create-lane')).not.toMatch(streamed)
    expect(subjects.session('a', 'stop')).not.toMatch(streamed)
  })
})
