import { writeFileSync } from 'node:fs'
import { measureLatency } from './measures/latency.ts'
import { measureRest } from './measures/rest.ts'
import { measureRoutes } from './measures/routes.ts'
import { measureStart } from './measures/start.ts'
import { measureTurns, TURN_LANE } from './measures/turn.ts'
import { type FailedMeasurement, type Measurement, verdictOf } from './report/figure.ts'
import { describeMachine, loadNow, type Machine } from './report/machine.ts'
import { reportText } from './report/report-table.ts'
import { type BenchSettings, readSettings } from './stage/bench-plan.ts'
import { openStage, type Stage } from './stage/bench-stage.ts'
import { Teardown } from './stage/teardown.ts'

type Outcome = Measurement | FailedMeasurement
type Step = { title: string; measure: () => Promise<Measurement> }

export type BenchOptions = { root: string; env: NodeJS.ProcessEnv; signal: AbortSignal; say: (line: string) => void }

/**
 * Measures, prints the report on stdout, and ends everything it started. Resolves with the exit code: 1 when something could not be
 * measured. A missed target is a finding, not a failure.
 */
export const runBench = async ({ root, env, signal: stopped, say }: BenchOptions): Promise<number> => {
  const settings = readSettings(env)
  const limit = AbortSignal.timeout(settings.plan.limitMs)
  const signal = AbortSignal.any([stopped, limit])
  const teardown = new Teardown()
  const startedAt = performance.now()
  const loadBefore = loadNow()
  let code = 1
  try {
    const stage = await openStage({ root, teardown, signal, say })
    const machine = await describeMachine({
      nats: stage.bridge.health?.bus?.serverVersion ?? undefined,
      codex: stage.bridge.health?.codex?.version ?? undefined,
      loadBefore,
    })
    const outcomes = await measureAll(steps(stage, settings, signal, teardown), signal, say)
    process.stdout.write(`\n${reportText(machine, outcomes)}\n`)
    if (settings.jsonFile !== undefined) writeJson(settings, machine, outcomes, startedAt)
    code = outcomes.some((outcome) => 'failure' in outcome) ? 1 : 0
  } finally {
    for (const problem of await teardown.run()) say(`Not ended in good order: ${problem}`)
  }
  say(`Done in ${Math.round((performance.now() - startedAt) / 1000)} s`)
  return code
}

/** In an order in which none disturbs the next: the bridge is gone before starts are timed. */
const steps = (stage: Stage, { plan }: BenchSettings, signal: AbortSignal, teardown: Teardown): Step[] => [
  { title: 'turn overhead', measure: () => measureTurns(stage, plan.turns, signal) },
  { title: 'event latency', measure: () => measureLatency(stage, plan.latency, signal) },
  { title: 'REST', measure: () => measureRest(stage, plan.rest, signal, teardown) },
  { title: 'GET routes', measure: () => measureRoutes(stage, plan.routes, TURN_LANE, signal, teardown) },
  {
    title: 'warm start',
    measure: async () => {
      await stage.stopBridge()
      return await measureStart(stage, plan.start, signal, teardown)
    },
  },
]

const measureAll = async (all: readonly Step[], signal: AbortSignal, say: (line: string) => void): Promise<Outcome[]> => {
  const outcomes: Outcome[] = []
  const broken = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  // It may come while nothing waits for it.
  broken.catch(() => undefined)
  for (const { title, measure } of all) {
    try {
      signal.throwIfAborted()
      say(`Measuring: ${title}`)
      const startedAt = performance.now()
      outcomes.push(await Promise.race([measure(), broken]))
      say(`  took ${Math.round((performance.now() - startedAt) / 1000)} s`)
    } catch (error) {
      outcomes.push({ title, failure: error instanceof Error ? error.message : String(error) })
    }
  }
  return outcomes
}

const writeJson = ({ quick, plan, jsonFile }: BenchSettings, machine: Machine, outcomes: readonly Outcome[], startedAt: number): void => {
  const results = outcomes.map((outcome) =>
    'figures' in outcome
      ? { ...outcome, figures: outcome.figures.map((figure) => ({ ...figure, verdict: verdictOf(figure) ?? null })) }
      : outcome,
  )
  const report = {
    at: new Date().toISOString(),
    quick,
    plan,
    machine,
    loadAfter: loadNow(),
    seconds: Math.round((performance.now() - startedAt) / 1000),
    results,
  }
  writeFileSync(String(jsonFile), `${JSON.stringify(report, null, 2)}\n`)
}
