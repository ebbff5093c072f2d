/** `npm run docs`: writes the generated pages of docs/. */
import { writeFileSync } from 'node:fs'
import { PAGES } from './pages.ts'

const ROOT = new URL('../../../', import.meta.url)

for (const { path, render } of PAGES) writeFileSync(new URL(path, ROOT), render())
