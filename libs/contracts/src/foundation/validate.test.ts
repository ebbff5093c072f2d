import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import { LaneCreate } from '../lanes/bodies.ts'
import { WebhookCreate } from '../webhooks/webhook.ts'
import { BridgeError } from './errors.ts'
import { type Problem, validator } from './validate.ts'

const problemsOf = (validate: (value: unknown) => unknown, value: unknown): Problem[] => {
  try {
    validate(value)
  } catch (error) {
    expect(error).toBeInstanceOf(BridgeError)
    expect((error as BridgeError).code).toBe('validation_error')
    return (error as BridgeError).details as Problem[]
  }
  throw new Error('the value was accepted')
}

const paths = (problems: Problem[]): string[] => [...new Set(problems.map(({ path }) => path))].sort()

describe('validator', () => {
  const lane = validator(LaneCreate)

  it('returns what fits', () => {
    const body = { laneId: 'a', title: 't', repoRoot: '/r', acceptanceCriteria: ['x'] }
    expect(lane(body)).toBe(body)
  })

  it('lists every problem with its path, not the first few', () => {
    const names = Array.from({ length: 30 }, (_, index) => `field${index}`)
    const validate = validator(Type.Object(Object.fromEntries(names.map((name) => [name, Type.String()]))))
    expect(paths(problemsOf(validate, Object.fromEntries(names.map((name) => [name, 1]))))).toEqual(names.map((name) => `/${name}`).sort())
  })

  it('lists problems of different kinds at once', () => {
    const problems = problemsOf(lane, {
      laneId: 'a b',
      repoRoot: 'relative',
      readinessMode: 'maybe',
      acceptanceCriteria: ['ok', ''],
      requirePreferredSurface: 'yes',
      unknownField: 1,
      otherUnknown: 2,
    })
    expect(paths(problems)).toEqual(['/', '/acceptanceCriteria/1', '/laneId', '/readinessMode', '/repoRoot', '/requirePreferredSurface'])
    const words = problems.map(({ message }) => message).join('\n')
    expect(words).toContain('unknownField')
    expect(words).toContain('otherUnknown')
    expect(words).toContain('strict')
  })

  it('names every missing property', () => {
    const problems = problemsOf(validator(WebhookCreate), {})
    const words = problems.map(({ message }) => message).join('\n')
    expect(words).toContain('url')
    expect(words).toContain('events')
  })

  it('reports a wrong root', () => {
    for (const value of [null, undefined, 'text', 7, []]) expect(paths(problemsOf(lane, value))).toEqual(['/'])
  })

  it('answers a hostile body briefly', () => {
    const manyNames = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`x${index}`, index]))
    expect(JSON.stringify(problemsOf(lane, manyNames)).length).toBeLessThan(64 * 1024)
    const longName = { ['"'.repeat(500_000)]: 1 }
    expect(JSON.stringify(problemsOf(lane, longName)).length).toBeLessThan(64 * 1024)
    const manyProblems = { acceptanceCriteria: Array.from({ length: 5000 }, () => '') }
    const listed = problemsOf(lane, manyProblems)
    expect(listed.length).toBeGreaterThan(8)
    expect(listed.length).toBeLessThanOrEqual(50)
  })
})
