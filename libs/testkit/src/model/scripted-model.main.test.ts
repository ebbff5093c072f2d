import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'

let scratch: string

// The entry needs a process of its own, and the test shall not need a build.
beforeAll(() => {
  const from = fileURLToPath(new URL('.', import.meta.url))
  scratch = mkdtempSync(join(tmpdir(), 'scripted-model-'))
  writeFileSync(join(scratch, 'package.json'), '{"type":"module"}')
  for (const file of readdirSync(from).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))) {
    const { outputText } = ts.transpileModule(readFileSync(join(from, file), 'utf8'), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        rewriteRelativeImportExtensions: true,
        verbatimModuleSyntax: true,
      },
    })
    writeFileSync(join(scratch, file.replace(/\.ts$/, '.js')), outputText)
  }
})
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true })
})

it.each(['SIGTERM', 'SIGINT', 'stdin'] as const)('prints where it listens and ends on %s, also with a request hanging', async (how) => {
  const child = spawn(process.execPath, [join(scratch, 'scripted-model.main.js')], {
    env: { ...process.env, PORT: '0', MODEL_EXIT_ON_STDIN_CLOSE: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const { url, baseUrl } = JSON.parse(line) as { url: string; baseUrl: string }
  expect(baseUrl).toBe(`${url}/v1`)
  const input = [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: '#hang' }] }]
  const hanging = await fetch(`${baseUrl}/responses`, { method: 'POST', body: JSON.stringify({ input }) })
  expect(hanging.status).toBe(200)
  const cut = hanging.text().catch(() => 'cut')

  if (how === 'stdin') {
    child.stdin.end()
  } else {
    child.kill(how)
  }
  await vi.waitFor(() => expect(child.exitCode).toBe(0), { timeout: 3000 })
  expect(await cut).toBe('cut')
})
