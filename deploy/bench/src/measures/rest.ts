import { startBareKoa } from '../baselines/bare-koa.ts'
import { LoadGenerator } from '../load/load-generator.ts'
import type { Measurement } from '../report/figure.ts'
import { CpuMeter } from '../report/process-cpu.ts'
import { type Round, ratioOf, summarise } from '../report/sample-statistics.ts'
import type { BenchPlan } from '../stage/bench-plan.ts'
import type { Stage } from '../stage/bench-stage.ts'
import type { Teardown } from '../stage/teardown.ts'

/** One per connection: reads of the same lane at the same time could be answered as one. */
const laneOf = (connection: number): string => `bench-rest-${String(connection).padStart(3, '0')}`
const US_PER_MS = 1000
const MS_PER_S = 1000
const SHARE_AT_LEAST = 0.3

/** Reading lanes through the gateway, against a process with nothing but a Koa route that answers the same text. */
export const measureRest = async (stage: Stage, plan: BenchPlan['rest'], signal: AbortSignal, teardown: Teardown): Promise<Measurement> => {
  const lanes = Array.from({ length: plan.connections }, (_, index) => laneOf(index))
  const client = await stage.connect(lanes)
  for (const laneId of lanes) await client.createLane(laneId)
  const body = await client.laneText(laneOf(0))
  client.close()
  const koa = await startBareKoa(body)
  const load = new LoadGenerator()
  // An order that is under way when the run is broken off would otherwise keep the process alive.
  teardown.add('load generator', () => load.stop())
  try {
    const ports = { bridge: Number(new URL(stage.bridge.baseUrl).port), baseline: koa.port }
    const paths = lanes.map((laneId) => `/lanes/${laneId}`)
    const run = (port: number, durationMs: number): Promise<number> => {
      signal.throwIfAborted()
      return load.run({ port, paths, connections: plan.connections, durationMs })
    }
    await run(ports.bridge, plan.warmUpMs)
    await run(ports.baseline, plan.warmUpMs)
    const cpu = { bridge: new CpuMeter(() => stage.bridge.pids), baseline: new CpuMeter(() => ({ koa: koa.process.pid })) }
    const rounds: Round[] = []
    while (rounds.length < plan.rounds) {
      rounds.push({
        bridge: await cpu.bridge.during(() => run(ports.bridge, plan.roundMs)),
        baseline: await cpu.baseline.during(() => run(ports.baseline, plan.roundMs)),
      })
    }
    const requests = (side: keyof Round): number => rounds.reduce((sum, round) => sum + (round[side] * plan.roundMs) / MS_PER_S, 0)
    const unit = { name: 'µs', scale: US_PER_MS, of: 'request' }
    return {
      title: 'REST',
      figures: [
        {
          name: 'GET /lanes/{id}',
          unit: 'req/s',
          ...summarise(rounds, ratioOf),
          resultIs: 'ratio',
          target: { bound: 'at least', value: SHARE_AT_LEAST },
        },
      ],
      notes: [
        `${plan.connections} keep-alive connections, a lane each, ${body.length} bytes; baseline: one Koa route that answers the same text`,
        cpu.bridge.perUnit(requests('bridge'), unit),
        cpu.baseline.perUnit(requests('baseline'), { ...unit, of: 'request of the baseline' }),
      ],
    }
  } finally {
    await Promise.all([load.stop(), koa.process.stop()])
  }
}
