import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** The sources as JavaScript in a scratch folder, for a test that needs them in a process of its own without a build. */
export function compileSources(): { index: string; remove: () => void } {
  const from = fileURLToPath(new URL('../../src', import.meta.url))
  const to = mkdtempSync(join(tmpdir(), 'codex-client-'))
  writeFileSync(join(to, 'package.json'), '{"type":"module"}')
  for (const entry of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.ts') || entry.endsWith('.test.ts')) {
      continue
    }
    const { outputText } = ts.transpileModule(readFileSync(join(from, entry), 'utf8'), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        rewriteRelativeImportExtensions: true,
        verbatimModuleSyntax: true,
      },
    })
    const file = join(to, entry.replace(/\.ts$/, '.js'))
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, outputText)
  }
  return { index: join(to, 'index.js'), remove: () => rmSync(to, { recursive: true, force: true }) }
}
