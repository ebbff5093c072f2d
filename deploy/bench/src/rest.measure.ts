import { startBareKoa } from './bare.koa.ts'
import type { BenchPlan } from './bench.plan.ts'
import type { Stage } from './bench.stage.ts'
import { BridgeClient } from './bridge.client.ts'
import type { Measurement } from './figure.ts'
import { LoadGenerator } from './load.generator.ts'
import { type Round, ratioOf, summarise } from './sample.statistics.ts'
import type { Teardown } from './teardown.ts'

const LANE = 'bench-rest'
const SHARE_AT_LEAST = 0.3

/** Reading a lane through the gateway, against a process with nothing but a Koa route that answers the same text. */
export const measureRest = async (stage: Stage, plan: BenchPlan['rest'], signal: AbortSignal, teardown: Teardown): Promise<Measurement> => {
  const client = await BridgeClient.connect(stage.bridge.baseUrl, [LANE])
  await client.createLane(LANE)
  const body = await client.laneText(LANE)
  client.close()
  const koa = await startBareKoa(body)
  const load = new LoadGenerator()
  // An order that is under way when the run is broken off would otherwise keep the process alive.
  teardown.add('load generator', () => load.stop())
  try {
    const ports = { bridge: Number(new URL(stage.bridge.baseUrl).port), baseline: koa.port }
    const run = (port: number, durationMs: number): Promise<number> => {
      signal.throwIfAborted()
      return load.run({ port, path: `/lanes/${LANE}`, connections: plan.connections, durationMs })
    }
    const round = async (durationMs: number): Promise<Round> => ({
      bridge: await run(ports.bridge, durationMs),
      baseline: await run(ports.baseline, durationMs),
    })
    await round(plan.warmUpMs)
    const rounds: Round[] = []
    while (rounds.length < plan.rounds) rounds.push(await round(plan.roundMs))
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
      notes: [`${plan.connections} keep-alive connections, ${body.length} bytes; baseline: one Koa route that answers the same text`],
    }
  } finally {
    await Promise.all([load.stop(), koa.process.stop()])
  }
}
