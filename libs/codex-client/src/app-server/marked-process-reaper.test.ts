import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { findMarkedProcesses, PROCESS_MARK_VARIABLE, reapMarkedProcesses } from './marked-process-reaper.ts'

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL')
  }
})

/** A process that starts a command in a new session and ends, so that the command is an orphan with the mark. */
const leaveOrphan = async (mark: string): Promise<void> => {
  const script = `const { spawn } = require("node:child_process"); spawn("sleep", ["60"], { detached: true, stdio: "ignore" }).unref()`
  const env = { ...process.env, [PROCESS_MARK_VARIABLE]: mark }
  await once(spawn(process.execPath, ['-e', script], { env, stdio: 'ignore' }), 'exit')
}

describe.runIf(process.platform === 'linux')('reapMarkedProcesses', () => {
  it('kills orphans in other sessions, but only those with the mark', async () => {
    const mine = `mine-${process.pid}`
    const other = `mine-${process.pid}-other`
    await leaveOrphan(mine)
    const bystander = spawn('sleep', ['60'], { env: { ...process.env, [PROCESS_MARK_VARIABLE]: other }, stdio: 'ignore' })
    children.push(bystander)
    await vi.waitFor(() => expect(findMarkedProcesses(mine)).toHaveLength(1))

    expect(reapMarkedProcesses(mine)).toHaveLength(1)
    await vi.waitFor(() => expect(findMarkedProcesses(mine)).toEqual([]))
    expect(findMarkedProcesses(other).map(({ pid }) => pid)).toEqual([bystander.pid])
  })

  it('finds nothing for an unknown or empty mark', () => {
    expect(reapMarkedProcesses('never-used')).toEqual([])
    expect(reapMarkedProcesses('')).toEqual([])
  })
})
