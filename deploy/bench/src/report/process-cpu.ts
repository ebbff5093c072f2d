import { readProcStat } from '@codex-bridge/platform'

/** Linux counts in ticks of 10 ms whatever the kernel was built with. */
const MS_PER_TICK = 10

/** CPU time of each process so far, in milliseconds; undefined where the system does not tell. */
type CpuTimes = Record<string, number>

/** Reads the CPU times of named processes. One that is gone is left out; without /proc there are none. */
const readCpu = (pids: Readonly<Record<string, number | undefined>>): CpuTimes =>
  Object.fromEntries(
    Object.entries(pids).flatMap(([name, pid]) => {
      const ms = pid === undefined ? undefined : cpuOf(pid)
      return ms === undefined ? [] : [[name, ms]]
    }),
  )

const cpuOf = (pid: number): number | undefined => {
  const stat = readProcStat(pid)
  return stat && stat.cpuTicks * MS_PER_TICK
}

/** Less than this is not shown. */
const LEAST_SHOWN = 0.05

/** Adds up what several stretches of work cost. */
export class CpuMeter {
  readonly #pids: () => Readonly<Record<string, number | undefined>>
  readonly #spent = new Map<string, number>()

  constructor(pids: () => Readonly<Record<string, number | undefined>>) {
    this.#pids = pids
  }

  async during<R>(work: () => Promise<R>): Promise<R> {
    const before = readCpu(this.#pids())
    const result = await work()
    for (const [name, ms] of Object.entries(readCpu(this.#pids())))
      this.#spent.set(name, (this.#spent.get(name) ?? 0) + ms - (before[name] ?? ms))
    return result
  }

  /** What all of it cost, in milliseconds; 0 where the system does not tell. */
  get totalMs(): number {
    return [...this.#spent.values()].reduce((sum, ms) => sum + ms, 0)
  }

  /** In words: the sum, then the processes by what they took. CPU time hardly depends on what else runs, so it shows small gains. */
  perUnit(units: number, unit: { name: string; scale: number; of: string }): string {
    const costs = [...this.#spent].map(([name, ms]) => [name, (ms * unit.scale) / units] as const).sort(([, a], [, b]) => b - a)
    if (costs.length === 0) return `CPU per ${unit.of}: not known on this system`
    const total = costs.reduce((sum, [, cost]) => sum + cost, 0)
    const each = costs
      .filter(([, cost]) => cost >= LEAST_SHOWN)
      .map(([name, cost]) => `${name} ${cost.toFixed(1)}`)
      .join(', ')
    return `CPU per ${unit.of}: ${total.toFixed(1)} ${unit.name} (${each || 'too little to see'})`
  }
}
