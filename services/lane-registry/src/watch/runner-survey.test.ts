import type { CodexProcess, HostSnapshot } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import { mergeSnapshots } from './runner-survey.ts'

const process = (pid: number, own: boolean, runnerId: string): CodexProcess => ({
  pid,
  kind: 'app-server',
  surface: own ? 'bridge' : 'unknown',
  startedAt: '2026-01-01T00:00:00.000Z',
  cwd: null,
  codexHome: null,
  own,
  runnerId,
})

const sight = (runnerId: string, host: string, more: Partial<HostSnapshot> = {}): HostSnapshot => ({
  runnerId,
  host,
  codexHome: '/h',
  seen: true,
  reason: null,
  processes: [],
  threads: [],
  ...more,
})

describe('mergeSnapshots', () => {
  it('counts a process once per host, and believes the runner whose child it is', () => {
    const threads = [{ threadId: 't', pid: 5 }]
    const one = sight('r1', 'h1', { processes: [process(5, false, 'r1'), process(6, true, 'r1')], threads })
    const two = sight('r2', 'h1', { processes: [process(5, true, 'r2'), process(6, false, 'r2')], threads })
    const far = sight('r3', 'h2', { processes: [process(5, false, 'r3')] })
    for (const order of [
      [one, two, far],
      [two, one, far],
    ]) {
      const { processes, writers, blind } = mergeSnapshots(order)
      expect(processes.map(({ pid, own }) => [pid, own]).sort()).toEqual([
        [5, false],
        [5, true],
        [6, true],
      ])
      expect(writers.get('t')).toEqual({ pid: 5, surface: 'bridge', since: '2026-01-01T00:00:00.000Z', own: true })
      expect(blind).toBeNull()
    }
  })

  it('a holder that is no known process is still a holder', () => {
    const { writers } = mergeSnapshots([
      sight('r', 'h', {
        threads: [
          { threadId: 't', pid: null },
          { threadId: 'u', pid: 9 },
        ],
      }),
    ])
    expect(writers.get('t')).toEqual({ pid: null, surface: 'unknown', since: null, own: false })
    expect(writers.get('u')).toMatchObject({ pid: 9, surface: 'unknown' })
  })

  it('is blind as soon as one runner is', () => {
    expect(mergeSnapshots([sight('r', 'h'), sight('s', 'i', { seen: false, reason: 'no /proc' })]).blind).toBe('no /proc')
  })
})
