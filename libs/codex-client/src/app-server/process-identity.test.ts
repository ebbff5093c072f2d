import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { isAlive, killGroup, parseProcStat, readProcessIdentity, readStartTimeTicks, signalGroup } from './process-identity.ts'

describe('parseProcStat', () => {
  it('counts fields from the last parenthesis', () => {
    const fields = Array.from({ length: 30 }, (_, n) => String(n + 4)).join(' ')
    expect(parseProcStat(`42 (a ) (b) c) S ${fields}\n`)).toEqual({ state: 'S', startTimeTicks: 22 })
  })

  it('is undefined for other text', () => {
    expect(parseProcStat('')).toBeUndefined()
    expect(parseProcStat('1 (x) S 1 2')).toBeUndefined()
  })
})

describe('identity', () => {
  it('is stable for a living process and gone with it', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' })
    const identity = readProcessIdentity(child.pid ?? 0)
    if (!identity) {
      throw new Error('no identity')
    }
    expect(readProcessIdentity(identity.pid)).toEqual(identity)
    expect(isAlive(identity)).toBe(true)

    const stranger = { ...identity, startTime: `${identity.startTime}0` }
    expect(isAlive(stranger)).toBe(false)
    expect(killGroup(stranger, 'SIGKILL')).toBe(false)
    expect(isAlive(identity)).toBe(true)

    const exit = once(child, 'exit')
    expect(killGroup(identity, 'SIGKILL')).toBe(true)
    expect((await exit)[1]).toBe('SIGKILL')
    expect(isAlive(identity)).toBe(false)
    expect(killGroup(identity, 'SIGKILL')).toBe(false)
    expect(signalGroup(identity.pid, 0)).toBe(false)
  })

  it('never aims at init, at everybody or at its own group', () => {
    for (const pid of [1, 0, -1, 1.5, Number.NaN]) {
      expect(readProcessIdentity(pid)).toBeUndefined()
      expect(signalGroup(pid, 'SIGKILL')).toBe(false)
    }
  })

  it.runIf(process.platform === 'linux')('has ticks on Linux', () => {
    expect(readStartTimeTicks(process.pid)).toBeGreaterThan(0)
    expect(readStartTimeTicks(4_194_304)).toBeUndefined()
  })
})
