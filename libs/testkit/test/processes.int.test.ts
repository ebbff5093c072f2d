import { spawn } from 'node:child_process'
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { createTempDir, type TempDir } from '../src/files/temp-dir.ts'
import { type ManagedProcess, spawnProcess, startProcess } from '../src/processes/managed-process.ts'
import { findAppServers, findProcesses, isAlive, listProcesses, readEnvironment } from '../src/processes/process-list.ts'
import { waitFor } from '../src/wait-for.ts'

const onLinux = process.platform === 'linux'
const started: ManagedProcess[] = []
const directories: TempDir[] = []

const keep = (managed: ManagedProcess): ManagedProcess => {
  started.push(managed)
  return managed
}

const node = (script: string, extra: Partial<Parameters<typeof startProcess>[0]> = {}) => ({
  name: 'child',
  command: process.execPath,
  args: ['-e', script],
  ...extra,
})

const tempDir = (): string => {
  const directory = createTempDir()
  directories.push(directory)
  return directory.path
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((managed) => managed.stop()))
  for (const directory of directories.splice(0)) directory.cleanup()
})

test('is ready by its output and ends on SIGTERM', async () => {
  const seen: string[] = []
  const child = keep(
    await startProcess(
      node(`console.log('up', process.env.A, process.env.HOME ?? '-'); console.error('also'); setInterval(() => 0, 1000)`, {
        readyWhen: (output) => output.includes('up') && output.includes('also'),
        env: { A: 'x', HOME: undefined },
        onOutput: (_chunk, stream) => seen.push(stream),
      }),
    ),
  )
  expect(child.output()).toContain('up x -')
  expect(new Set(seen)).toEqual(new Set(['stdout', 'stderr']))
  expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' })
  expect(child.kill()).toBe(false)
  expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' })
})

test('a probe decides, its errors mean "not yet"; a process not ready in time is killed and reported', async () => {
  let probes = 0
  keep(
    await startProcess(
      node('setInterval(() => 0, 1000)', {
        probe: () => {
          probes += 1
          if (probes < 3) throw new Error('closed')
          return true
        },
      }),
    ),
  )
  expect(probes).toBe(3)
  let pid = 0
  const late = startProcess(
    node(`console.log('pid', process.pid); setInterval(() => 0, 1000)`, {
      readyTimeoutMs: 400,
      probe: (managed) => {
        pid = managed.pid
        throw new Error('nobody there')
      },
    }),
  )
  await expect(late).rejects.toThrow(/child was not ready after 400 ms \(last probe: nobody there\)\npid \d+/)
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})

test('an early exit and an unknown command are reported at once', async () => {
  const early = startProcess(node(`console.error('bad config'); process.exit(3)`, { readyWhen: () => false }))
  await expect(early).rejects.toThrow(/child ended before it was ready \(code 3, signal null\)\nbad config/)
  await expect(spawnProcess({ command: 'no-such-binary-here' })).rejects.toThrow('was not found on PATH')
})

test('a process that ignores SIGTERM, or is stopped, is killed after the grace time with its group', async () => {
  const script = `
    const { spawn } = require('node:child_process');
    process.on('SIGTERM', () => 0);
    const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'], { stdio: 'inherit' });
    console.log('grandchild', child.pid + '.');
    setInterval(() => 0, 1000)`
  const child = keep(await startProcess(node(script, { graceMs: 100, readyWhen: (text) => text.includes('.') })))
  const grandchild = Number(/grandchild (\d+)/.exec(child.output())?.[1])
  child.kill('SIGSTOP')
  expect(await child.stop()).toEqual({ code: null, signal: 'SIGKILL' })
  await waitFor(() => listProcesses().every(({ pid, state }) => pid !== grandchild || state === 'Z'), {
    describe: 'the grandchild to be gone',
  })
})

test('only the newest output is kept, and stdin can be used', async () => {
  const child = keep(
    await startProcess(
      node(`process.stdin.on('data', () => { process.stdout.write('y'.repeat(5000) + 'END'); })`, {
        stdin: 'pipe',
        outputLimit: 1000,
        probe: () => true,
      }),
    ),
  )
  child.stdin?.write('go\n')
  await waitFor(() => child.output().endsWith('END'), { describe: 'the output' })
  expect(child.output()).toMatch(/^\[\d+ characters dropped\]\ny/)
  expect(child.output().length).toBeLessThan(2100)
})

const built = (file: string) => fileURLToPath(new URL(`../dist/${file}`, import.meta.url))

test.runIf(onLinux).each(['throw', 'exit', 'SIGINT', 'SIGTERM', 'SIGKILL'])('no child outlives its parent: %s', async (end) => {
  const script = join(tempDir(), 'parent.mjs')
  writeFileSync(
    script,
    `import { startProcess } from '${built('processes/managed-process.js')}';
       import { createTempDir } from '${built('files/temp-dir.js')}';
       const child = await startProcess({
         command: process.execPath, args: ['-e', 'console.log(1); setInterval(() => 0, 1000)'],
         readyWhen: (output) => output !== '',
       });
       console.log('child', child.pid + ' dir ' + createTempDir().path + '.');
       if (process.argv[2] === 'throw') setTimeout(() => { throw new Error('on purpose'); }, 1);
       if (process.argv[2] === 'exit') process.exit(0);
       setInterval(() => 0, 1000);`,
  )
  const parent = spawn(process.execPath, [script, end], { stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  parent.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const ended = new Promise<NodeJS.Signals | null>((resolve) => parent.once('exit', (_code, signal) => resolve(signal)))
  await waitFor(() => text.includes('.'), { describe: 'the child' })
  const [, pid, scratch = ''] = /child (\d+) dir (.*)\./.exec(text) ?? []
  const [child] = listProcesses().filter((info) => info.pid === Number(pid))
  if (end.startsWith('SIG')) parent.kill(end as NodeJS.Signals)
  expect(await ended).toBe(end.startsWith('SIG') ? end : null)
  await waitFor(() => child === undefined || !isAlive(child), { describe: 'the child to be gone' })
  // Nothing can be tidied up after a SIGKILL; the child is gone by the kernel's doing.
  expect(existsSync(scratch)).toBe(end === 'SIGKILL')
  rmSync(scratch, { recursive: true, force: true })
})

test.runIf(onLinux)('processes are found by command line and environment, except zombies and this process', async () => {
  const home = tempDir()
  const fake = join(home, 'codex (1)')
  writeFileSync(fake, '#!/bin/sh\nwhile :; do sleep 1; done\n')
  chmodSync(fake, 0o755)
  const child = keep(await startProcess({ command: fake, args: ['app-server'], env: { CODEX_HOME: home }, probe: () => true }))
  const [found] = await waitFor(() => (findAppServers(home).length > 0 ? findAppServers(home) : null))
  expect(found).toMatchObject({ pid: child.pid, ppid: process.pid })
  expect(found?.cmdline).toContain(fake)
  expect(found?.startTime).toBeGreaterThan(0)
  expect(readEnvironment(child.pid)?.CODEX_HOME).toBe(home)
  expect(findAppServers(`${home}x`)).toEqual([])
  expect(found && isAlive(found)).toBe(true)
  expect(isAlive({ pid: child.pid, startTime: 1 })).toBe(false)
  expect(findProcesses(({ pid }) => pid === process.pid)).toEqual([])
  await child.stop()
  expect(found && isAlive(found)).toBe(false)
  expect(findAppServers(home)).toEqual([])
  expect(readEnvironment(2 ** 22 + 1)).toBeUndefined()
})
