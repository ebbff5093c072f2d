import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { parseProcStat, readProcStat } from './proc-stat.mjs'
import { killGroup, signalGroup } from './process-group.ts'
import { hostIdentity, ownIdentity, parsePsLine, processIdentity, processStatus, startTimeOf } from './process-identity.mjs'

let child: ChildProcess | undefined

afterEach(() => {
  child?.kill('SIGKILL')
  child = undefined
})

/** A process that runs until it is killed. */
const startChild = (): number => {
  child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
  return child.pid ?? 0
}

const deadPid = (): number => spawnSync('true').pid

describe('reading a process', () => {
  it('counts fields from the end of the command name, whatever that holds', () => {
    const fields = Array.from({ length: 30 }, (_, index) => index + 4).join(' ')
    expect(parseProcStat(`42 (a ) (b) c) S ${fields}\n`)).toEqual({ state: 'S', ppid: 4, startTicks: 22, cpuTicks: 14 + 15 })
  })

  it('refuses text that is cut short', () => {
    expect(parseProcStat('')).toBeUndefined()
    expect(parseProcStat('1 (x) S 1 2')).toBeUndefined()
  })

  it('reads the start of a process from ps', () => {
    expect(parsePsLine('Ss   Fri Nov 27 14:45:32 2026\n')).toBe(Date.UTC(2026, 10, 27, 14, 45, 32) / 1000)
    expect(parsePsLine('Z    Fri Nov 27 14:45:32 2026\n')).toBeUndefined()
    expect(parsePsLine('')).toBeUndefined()
  })

  it.runIf(process.platform === 'linux')('reads processes and their threads', () => {
    expect(readProcStat(process.pid)).toMatchObject({ ppid: process.ppid })
    expect(readProcStat(process.pid, String(process.pid))).toMatchObject({ ppid: process.ppid })
    expect(readProcStat(deadPid())).toBeUndefined()
  })
})

describe('process identity', () => {
  it('tells a running process from a dead one and from a later one with its pid', async () => {
    const identity = processIdentity(startChild())
    if (!identity) throw new Error('no identity')
    expect(processIdentity(identity.pid)).toEqual(identity)
    expect(processStatus(identity)).toBe('alive')
    const later = { ...identity, startTime: (identity.startTime ?? 0) + 1 }
    expect(processStatus(later)).toBe('dead')
    expect(killGroup(later, 'SIGKILL')).toBe(false)
    expect(processStatus(identity)).toBe('alive')

    const exited = new Promise((resolve) => child?.once('exit', resolve))
    expect(killGroup(identity, 'SIGKILL')).toBe(true)
    await exited
    expect(processStatus(identity)).toBe('dead')
    expect(killGroup(identity, 'SIGKILL')).toBe(false)
    expect(signalGroup(identity.pid, 0)).toBe(false)
  })

  it('knows nothing of another host, or without a start time', () => {
    const own = ownIdentity()
    expect(own).toEqual({ host: hostIdentity(), pid: process.pid, startTime: startTimeOf(process.pid) })
    expect(processStatus({ ...own, host: 'elsewhere' })).toBe('unknown')
    expect(processStatus({ ...own, pid: deadPid(), startTime: null })).toBe('unknown')
  })

  it('refuses numbers that name no process or no single group', () => {
    for (const pid of [-1, 0, 1.5, Number.NaN, 4_194_304]) expect(processIdentity(pid)).toBeUndefined()
    for (const pid of [-1, 0, 1, 1.5, Number.NaN]) expect(signalGroup(pid, 'SIGKILL')).toBe(false)
  })

  it('asks ps where there is no /proc', () => {
    vi.spyOn(process, 'platform', 'get').mockReturnValue('darwin')
    try {
      const seconds = Date.now() / 1000 - process.uptime()
      expect(Math.abs((startTimeOf(process.pid) ?? 0) - seconds)).toBeLessThan(5)
    } finally {
      vi.restoreAllMocks()
    }
  })
})
