import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PROCESS_MARK_VARIABLE } from '@codex-bridge/codex-client'
import { processIdentity } from '@codex-bridge/platform'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChildRegistry } from '../src/codex/child-registry.ts'

let dataDir: string
let folder: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'children-'))
  folder = join(dataDir, 'run', 'children', 'runner-1')
  mkdirSync(folder, { recursive: true })
})
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

/** A process that leads its own group, with a mark in its environment. */
const startChild = async (mark: string) => {
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore', env: { ...process.env, [PROCESS_MARK_VARIABLE]: mark } })
  await once(child, 'spawn')
  return { pid: child.pid ?? 0, ended: once(child, 'exit') }
}

describe.runIf(process.platform === 'linux')('ChildRegistry', () => {
  it('ends the children of an earlier run and forgets them', async () => {
    const mark = `registry-${process.pid}-1`
    const { pid, ended } = await startChild(mark)
    const identity = processIdentity(pid)
    if (!identity) throw new Error('the child has no identity')
    new ChildRegistry(dataDir, 'runner-1').add(identity, mark)
    expect(new ChildRegistry(dataDir, 'runner-1').reap()).toContain(pid)
    await ended
    expect(readdirSync(folder)).toEqual([])
  })

  it('finds a child by its mark where the stored identity has another form, as older releases wrote it', async () => {
    const mark = `registry-${process.pid}-2`
    const { pid, ended } = await startChild(mark)
    writeFileSync(join(folder, `${pid}.json`), JSON.stringify({ pid, startTime: 'linux:boot:1', mark }))
    expect(new ChildRegistry(dataDir, 'runner-1').reap()).toEqual([pid])
    await ended
  })

  it('touches no process with a reused pid, and removes unreadable files', async () => {
    const { pid, ended } = await startChild('another-mark')
    const identity = processIdentity(pid)
    writeFileSync(join(folder, `${pid}.json`), JSON.stringify({ ...identity, startTime: 1, mark: `registry-${process.pid}-3` }))
    writeFileSync(join(folder, '1.json'), '{"pid":')
    expect(new ChildRegistry(dataDir, 'runner-1').reap()).toEqual([])
    expect(readdirSync(folder)).toEqual([])
    process.kill(pid, 'SIGKILL')
    await ended
  })
})
