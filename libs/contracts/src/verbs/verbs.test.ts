import { describe, expect, it } from 'vitest'
import { VERB_GROUPS } from './groups.ts'
import { Registry } from './registry.ts'
import { Sessions } from './sessions.ts'
import { subjectOf, type Verb } from './verb.ts'

const verbs: Verb[] = VERB_GROUPS.flatMap((group): Verb[] => Object.values(group))

/** Every schema inside a schema, with the path to it. */
const inside = (schema: unknown, path = ''): [string, Record<string, unknown>][] =>
  schema === null || typeof schema !== 'object'
    ? []
    : [[path, schema as Record<string, unknown>], ...Object.entries(schema).flatMap(([key, inner]) => inside(inner, `${path}/${key}`))]

describe('verbs', () => {
  it('have a subject each', () => {
    const subjects = verbs.map((verb) => subjectOf(verb, verb.service === 'session' ? 'lane-1' : undefined))
    expect(new Set(subjects).size).toBe(verbs.length)
    for (const subject of subjects) expect(subject).toMatch(/^lane\.cmd(\.[a-z0-9-]+)+$/)
    expect(subjectOf(Registry.getLane)).toBe('lane.cmd.registry.get-lane')
    expect(subjectOf(Sessions.prompt, 'lane-1')).toBe('lane.cmd.session.lane-1.prompt')
  })

  it.each(verbs.map((verb): [string, Verb] => [`${verb.service} ${verb.name}`, verb]))(
    '%s accepts replies with more fields, for rolling upgrades',
    (_name, { reply }) => {
      const closed = inside(reply).filter(([, schema]) => schema['additionalProperties'] === false)
      expect(closed.map(([path]) => path)).toEqual([])
    },
  )
})
