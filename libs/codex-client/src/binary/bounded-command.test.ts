import { findProcesses, waitFor } from '@codex-bridge/testkit'
import { describe, expect, it } from 'vitest'
import { type BoundedCommand, runBounded } from './bounded-command.ts'

const run = (script: string, more: Partial<BoundedCommand> = {}) =>
  runBounded({ binary: '/bin/sh', args: ['-c', script], cwd: '/', env: { PATH: process.env['PATH'] ?? '' }, timeoutMs: 20_000, ...more })

/** Ended, whether or not its parent has asked for its exit status yet. */
const untilEnded = (pid: number): Promise<boolean> =>
  waitFor(() => findProcesses((info) => info.pid === pid && info.state !== 'Z').length === 0, { describe: `process ${pid} to end` })

describe('runBounded', () => {
  it('answers code, stdout and stderr separately, with exactly the given environment', async () => {
    const end = await run('echo "$ONLY"; echo no >&2; env | grep -c . ; exit 3', { env: { ONLY: 'this', PATH: '/usr/bin:/bin' } })
    expect(end).toMatchObject({ code: 3, stderr: 'no\n', timedOut: false })
    expect(end.stdout.split('\n')[0]).toBe('this')
    expect(Number(end.stdout.split('\n')[1])).toBeLessThan(6)
  })

  it('has no input', async () => {
    expect(await run('cat')).toMatchObject({ code: 0, stdout: '' })
  })

  it('ends a program at its deadline, with its children, even if it ignores the first signal', async () => {
    const started = performance.now()
    const end = await run("trap '' TERM; sleep 60 & echo $!; while :; do sleep 0.1; done", { timeoutMs: 300 })
    expect(end).toMatchObject({ code: null, timedOut: true })
    expect(performance.now() - started).toBeLessThan(15_000)
    await untilEnded(Number(end.stdout))
  })

  it('ends what a program leaves behind without waiting for it', async () => {
    const started = performance.now()
    const end = await run('sleep 60 & echo $!')
    expect(end.code).toBe(0)
    expect(performance.now() - started).toBeLessThan(15_000)
    await untilEnded(Number(end.stdout))
  })

  it('ends a program with too much output', async () => {
    expect(await run('yes')).toMatchObject({ code: null, timedOut: false })
  })

  it('rejects for a missing folder', async () => {
    await expect(run('true', { cwd: '/nowhere/at/all' })).rejects.toThrow('ENOENT')
  })
})
