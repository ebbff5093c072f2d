import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { PAGES } from './pages.ts'

it.each(PAGES)('$path is what its sources render to; if not, run npm run docs', ({ path, render }) => {
  const committed = readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
  expect(committed).toBe(render())
})
