import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import { SECTIONS } from './configuration-page.ts'
import { settingsTable } from './settings-table.ts'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const DOCUMENTED = new Set(SECTIONS.flatMap(({ settings }) => Object.keys(settings)))

/** Read, but no setting: of the system and its tools, or handed from one of our processes to another. */
const NO_SETTING = new Set(['PATH', 'HOME', 'DOCKER_HOST', 'BENCH_BODY', 'BENCH_ANSWERS'])

const isDocumented = (name: string): boolean =>
  DOCUMENTED.has(name) || NO_SETTING.has(name) || (name.startsWith('NATS_PASSWORD_') && DOCUMENTED.has('NATS_PASSWORD_<ROLE>'))

const sources = (): string[] =>
  ['libs', 'services', 'deploy'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /^(e2e\/test|[a-z-]+\/(src|bootstrap))\/.*\.m?ts$|^[a-z-]+\/[a-z-]+\.mjs$/.test(file))
      .filter((file) => !/\/(node_modules|dist|generated)\/|\.test\.ts$/.test(file))
      .map((file) => join(ROOT, folder, file)),
  )

const namesIn = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name = '']) => name)

describe('the configuration page', () => {
  it('names every variable that is read from an environment', () => {
    const files = sources()
    expect(files.length).toBeGreaterThan(200)
    const read = files.flatMap((file) => namesIn(readFileSync(file, 'utf8'), /\benv(?:ironment)?(?:\.|\[')([A-Z][A-Z0-9_]+)/g))
    expect(read.length).toBeGreaterThan(10)
    expect(read.filter((name) => !isDocumented(name))).toEqual([])
  })

  it('names every variable that Compose substitutes', () => {
    const substituted = namesIn(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), /(?<!\$)\$\{([A-Z_]+)/g)
    expect(substituted.length).toBeGreaterThan(10)
    expect(substituted.filter((name) => !isDocumented(name))).toEqual([])
  })
})

describe('a table of settings', () => {
  it('shows defaults, ranges and choices', () => {
    const table = settingsTable({
      COUNT: Type.Integer({ default: 3, minimum: 1, maximum: 5, description: 'How many.' }),
      LEAST: Type.Integer({ minimum: 1, description: 'At least one.' }),
      KIND: Type.Enum(['a', 'b'], { default: 'a', description: 'Which.' }),
      NAME: Type.Optional(Type.String({ description: 'This | that.' })),
    })
    expect(table.split('\n').slice(2)).toEqual([
      '| `COUNT` | `3` | 1 to 5 | How many. |',
      '| `LEAST` | none | ≥ 1 | At least one. |',
      '| `KIND` | `a` | `a`, `b` | Which. |',
      '| `NAME` | none | text | This \\| that. |',
    ])
  })

  it('refuses a setting without a description', () => {
    expect(() => settingsTable({ COUNT: Type.Integer() })).toThrow('COUNT has no description')
  })
})
