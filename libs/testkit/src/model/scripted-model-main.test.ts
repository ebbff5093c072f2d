import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'

const entry = fileURLToPath(new URL('../../dist/model/scripted-model-main.js', import.meta.url))

it.each(['SIGTERM', 'SIGINT', 'stdin'] as const)('prints where it listens and ends on %s, also with a request hanging', async (how) => {
  const child = spawn(process.execPath, [entry], {
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
