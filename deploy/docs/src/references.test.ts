import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

const documents = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]

const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

/** `path/of/file.ts` from the root; not a pattern such as `services/*`. */
const PATH = /`((?:services|libs|deploy|docs|\.ci)\/[\w./-]+)`/g
/** A file and, in the next cell of a table, the functions it is named for. */
const FUNCTIONS = /`((?:services|libs|deploy)\/[\w./-]+\.ts)` \| ((?:`#?\w+`(?:, )?)+) \|/g
const LINK = /\]\(([^)#:]+)(?:#[^)]*)?\)/g

it.each(documents)('%s names paths that exist', (document) => {
  const missing = [...textOf(document).matchAll(PATH)].map(([, path = '']) => path).filter((path) => !existsSync(join(ROOT, path)))
  expect(missing).toEqual([])
})

it.each(documents)('%s links to files that exist', (document) => {
  const targets = [...textOf(document).matchAll(LINK)].map(([, target = '']) => target)
  expect(targets.filter((target) => !existsSync(resolve(ROOT, dirname(document), target)))).toEqual([])
})

it('docs/architecture.md names functions that are in their files', () => {
  const named = [...textOf('docs/architecture.md').matchAll(FUNCTIONS)].flatMap(([, path = '', names = '']) =>
    [...names.matchAll(/`(#?\w+)`/g)].map(([, name = '']) => ({ path, name })),
  )
  expect(named.length).toBeGreaterThan(30)
  const missing = named.filter(({ path, name }) => !new RegExp(`(?<![\\w#])${name}\\b`).test(textOf(path)))
  expect(missing).toEqual([])
})
