import { setTimeout as sleep } from 'node:timers/promises'
import type { Measurement } from '../report/figure.ts'
import { CpuMeter } from '../report/process-cpu.ts'
import { median, quantile, ratioOf, summarise } from '../report/sample-statistics.ts'
import type { BenchPlan } from '../stage/bench-plan.ts'
import type { Stage } from '../stage/bench-stage.ts'

/** The lane of the turns; live afterwards, with the events of all of them. */
export const TURN_LANE = 'bench-turns'
const PROMPT = '#say hello world from the scripted model'
const OVERHEAD_AT_MOST = 1.15

/** After a turn the bridge still writes and projects what came with its end; the next turn of either side starts without that. */
const REST_MS = 50

type TurnRound = { bridge: number[]; baseline: number[] }

/**
 * One turn through the bridge, from sending the prompt to `lane.turn.completed` on an open event stream, against one through a bare
 * stdio client, from `turn/start` to `turn/completed`. The two take turns, so that both see the same machine and threads of the same
 * length.
 */
export const measureTurns = async (stage: Stage, plan: BenchPlan['turns'], signal: AbortSignal): Promise<Measurement> => {
  const bare = await stage.startBare()
  const bridge = await stage.connect([TURN_LANE])
  const cpu = new CpuMeter(() => stage.bridge.pids)
  try {
    await bridge.startLane(TURN_LANE, stage.workspace)
    const pairs = async (count: number): Promise<TurnRound> => {
      const round: TurnRound = { bridge: [], baseline: [] }
      for (let pair = 0; pair < count; pair += 1) {
        signal.throwIfAborted()
        round.bridge.push(await bridge.turn(TURN_LANE, PROMPT))
        await sleep(REST_MS)
        round.baseline.push(await bare.turn(PROMPT))
        await sleep(REST_MS)
      }
      bridge.take()
      return round
    }
    await pairs(plan.warmUp)
    const rounds: TurnRound[] = []
    while (rounds.length < plan.rounds) rounds.push(await cpu.during(() => pairs(plan.perRound)))
    const cost = cpu.perUnit(plan.rounds * plan.perRound, { name: 'ms', scale: 1, of: 'turn, bridge without codex' })
    return describe(rounds, cost)
  } finally {
    bridge.close()
    await bare.stop()
  }
}

const describe = (rounds: readonly TurnRound[], cost: string): Measurement => {
  const by = (pick: (samples: readonly number[]) => number) =>
    rounds.map(({ bridge, baseline }) => ({ bridge: pick(bridge), baseline: pick(baseline) }))
  const all = { bridge: rounds.flatMap(({ bridge }) => bridge), baseline: rounds.flatMap(({ baseline }) => baseline) }
  const p90 = { bridge: quantile(all.bridge, 0.9), baseline: quantile(all.baseline, 0.9) }
  return {
    title: 'turn overhead',
    figures: [
      {
        name: 'turn, median',
        unit: 'ms',
        ...summarise(by(median), ratioOf),
        resultIs: 'ratio',
        target: { bound: 'at most', value: OVERHEAD_AT_MOST },
      },
      { name: 'turn, p90', unit: 'ms', ...p90, result: ratioOf(p90), resultIs: 'ratio' },
    ],
    notes: [`${all.bridge.length} turns each, alternating; baseline: codex app-server on stdio`, cost],
  }
}
