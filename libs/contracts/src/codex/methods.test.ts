import { expect, it } from 'vitest'
import { CODEX_NEEDS, missingMethodsOf } from './methods.ts'

const every = (): Set<string> => new Set(Object.values(CODEX_NEEDS).flatMap(({ anyOf }) => anyOf))

it('a codex with every method lacks none, and one without any lacks all', () => {
  expect(missingMethodsOf(every())).toEqual([])
  expect(missingMethodsOf(new Set())).toEqual(Object.keys(CODEX_NEEDS))
})

it('names what is missing', () => {
  const known = every()
  known.delete('turn/steer')
  known.delete('app/list')
  expect(missingMethodsOf(known)).toEqual(['turn/steer', 'app/list'])
})

it.each(['thread/revert', 'thread/rollback'])('rollback is served by %s alone', (method) => {
  const known = every()
  known.delete('thread/revert')
  known.delete('thread/rollback')
  expect(missingMethodsOf(known)).toEqual(['thread/rollback'])
  expect(missingMethodsOf(known.add(method))).toEqual([])
})
