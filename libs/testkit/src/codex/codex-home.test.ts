import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createCodexHome } from './codex-home.ts'

it('makes a private folder with the config, and removes it', async () => {
  const home = await createCodexHome({
    baseUrl: 'http://127.0.0.1:1/v1',
    sandboxMode: 'workspace-write',
    features: { default_mode_request_user_input: true },
    extraToml: '[mcp_servers.x]\ncommand = "node"',
  })
  expect((await stat(home.path)).mode & 0o777).toBe(0o700)
  expect(home.env).toEqual({ CODEX_HOME: home.path, HOME: home.path })
  const config = await readFile(join(home.path, 'config.toml'), 'utf8')
  expect(config).toContain('base_url = "http://127.0.0.1:1/v1"')
  expect(config).toContain('sandbox_mode = "workspace-write"')
  expect(config).toContain('default_mode_request_user_input = true\n')
  expect(config).toContain('unbounded_connection_retries = false\n')
  expect(config.trimEnd().endsWith('command = "node"')).toBe(true)
  await home.cleanup()
  await expect(stat(home.path)).rejects.toMatchObject({ code: 'ENOENT' })
})

it('uses the folder it is given', async () => {
  const dir = join(await mkdtemp(join(tmpdir(), 'given-')), 'deep', 'home')
  expect((await createCodexHome({ baseUrl: 'http://127.0.0.1:1/v1', dir })).path).toBe(dir)
  await rm(join(dir, '../..'), { recursive: true })
})
