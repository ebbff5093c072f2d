import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type ProcessIdentity, processStatus } from '@codex-bridge/platform'
import { expect, it, vi } from 'vitest'
import { binary, CodexFixture } from './support/codex-fixture.ts'
import { runningWith } from './support/process-group.ts'

const BUILT = new URL('../dist/index.js', import.meta.url).href

/** A process that owns one app-server. Runs the prompt of its environment, then prints the app-server's identity. */
const PARENT = `
  const { BUILT, BINARY, HOME_DIR, WORKSPACE, PROMPT } = process.env;
  const { AppServerProcess } = await import(BUILT);
  const print = () => console.log(JSON.stringify(server.identity));
  const server = await AppServerProcess.start({ binary: BINARY, codexHome: HOME_DIR, clientInfo: { name: "parent", version: "0" },
    peer: { onNotification: (method, params) => { if (method === "item/started" && params.item.type === "commandExecution") print(); } } });
  if (PROMPT) {
    const { thread } = await server.peer.call("thread/start", { cwd: WORKSPACE });
    await server.peer.call("turn/start", { threadId: thread.id, input: [{ type: "text", text: PROMPT, text_elements: [] }] });
  } else {
    print();
  }
`

const startParent = async (codex: CodexFixture, options: { binary: string; prompt: string }) => {
  const env = {
    ...process.env,
    HOME: codex.home,
    BUILT,
    BINARY: options.binary,
    HOME_DIR: codex.home,
    WORKSPACE: codex.workspace,
    PROMPT: options.prompt,
  }
  const parent = spawn(process.execPath, ['--input-type=module', '-e', PARENT], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface(parent.stdout), 'line')) as [string]
  return { parent, identity: JSON.parse(line) as ProcessIdentity }
}

it.each(['SIGKILL', 'SIGTERM', 'SIGHUP'] as const)('codex and its command die within 2 s when their parent gets %s', async (signal) => {
  await using codex = await CodexFixture.start()
  const command = `sleep 300.${process.pid}2`
  const { parent, identity } = await startParent(codex, { binary, prompt: `#run ${command}` })
  await vi.waitFor(() => expect(runningWith(command)).not.toEqual([]), { timeout: 5000 })
  expect(processStatus(identity)).toBe('alive')

  parent.kill(signal)
  await once(parent, 'exit')
  await vi.waitFor(() => expect(processStatus(identity)).toBe('dead'), { timeout: 2000, interval: 10 })
  await vi.waitFor(() => expect(runningWith(command)).toEqual([]), { timeout: 2000 })
})

const canBind = spawnSync('setpriv', ['--pdeathsig', 'TERM', '--', 'true']).status === 0

it.runIf(canBind)('where setpriv works, so does a child that ignores the end of its stdin', async () => {
  await using codex = await CodexFixture.start()
  const deaf = join(codex.workspace, 'deaf')
  await writeFile(
    deaf,
    `#!/bin/bash\nread line\necho '{"id":1,"result":{"userAgent":"stub/1.2.3 (x)"}}'\nwhile true; do sleep 0.05; done\n`,
    { mode: 0o755 },
  )
  const { parent, identity } = await startParent(codex, { binary: deaf, prompt: '' })
  parent.kill('SIGKILL')
  await once(parent, 'exit')
  await vi.waitFor(() => expect(processStatus(identity)).toBe('dead'), { timeout: 2000, interval: 10 })
})
