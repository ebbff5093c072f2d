import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type ApiClient, api } from '@codex-bridge/testkit'
import { startBareKoa } from '../baselines/bare-koa.ts'
import { CodexAlone } from '../baselines/codex-alone.ts'
import type { Figure, Measurement } from '../report/figure.ts'
import { loadNow } from '../report/machine.ts'
import { CpuMeter } from '../report/process-cpu.ts'
import { median, quantile } from '../report/sample-statistics.ts'
import type { BenchPlan } from '../stage/bench-plan.ts'
import type { Stage } from '../stage/bench-stage.ts'
import { type SeedData, seedBridge } from '../stage/seed-data.ts'
import type { Teardown } from '../stage/teardown.ts'
import { type OpenApiPaths, type RouteCall, routeCalls } from './route-list.ts'

const P99_AT_MOST_MS = 50
const P99 = 0.99
/** The two sides take turns in blocks, so that both see the same load. */
const BLOCK = 10
const WARM_UP = 3
const ANSWER_MS = 15_000

/** With fewer requests the p99 is the slowest of them, and is named so. */
const ENOUGH_FOR_P99 = 100
/** Routes with a lower median get no line of their own. */
const LISTED_FROM_MS = 4

type Samples = { bridge: number[]; baseline: number[] }
type Timed = { call: RouteCall; samples: Samples; bytes: number; cpu: CpuMeter; load: number }

/**
 * The p99 of every GET route of the OpenAPI document, on a bridge with many lanes and threads: one client, one request after the other.
 * @param busyLane a lane with many events
 */
export const measureRoutes = async (
  stage: Stage,
  plan: BenchPlan['routes'],
  busyLane: string,
  signal: AbortSignal,
  teardown: Teardown,
): Promise<Measurement> => {
  const seed = await seedBridge(stage, plan, signal)
  const bridge = api(stage.bridge.baseUrl, { timeoutMs: ANSWER_MS })
  teardown.add('client of the routes', () => bridge.close())
  const { paths } = (await bridge.get<{ paths: OpenApiPaths }>('/openapi/json')).body
  const calls = routeCalls(paths, seed, busyLane)
  const texts = await answersOf(bridge, calls)
  const folder = join(stage.scratch, 'answers')
  mkdirSync(folder)
  for (const [index, text] of texts.entries()) writeFileSync(join(folder, String(index)), text)
  const koa = await startBareKoa('{}', folder)
  teardown.add('bare koa', () => koa.process.stop())
  const bare = api(`http://127.0.0.1:${koa.port}`, { timeoutMs: ANSWER_MS })
  teardown.add('client of the baseline', () => bare.close())
  const codex = await CodexAlone.start(stage.bridgeHome, stage.workspace)
  teardown.add('codex alone', () => codex.stop())
  const timed: Timed[] = []
  for (const [index, call] of calls.entries()) {
    const { question } = call
    const baseline = async (): Promise<number> => (question ? await codex.ask(question) : (await bare.get(`/same/${index}`)).ms)
    timed.push(await timeRoute(stage, { call, bridge, baseline }, plan, signal))
  }
  return describe(timed, seed)
}

/** The texts the baseline answers with: those of the bridge. An endless answer has none. */
const answersOf = (bridge: ApiClient, calls: readonly RouteCall[]): Promise<string[]> =>
  Promise.all(calls.map(async ({ path, endless }) => (endless ? '' : (await bridge.get(path)).text)))

const timeRoute = async (
  stage: Stage,
  { call, bridge, baseline }: { call: RouteCall; bridge: ApiClient; baseline: () => Promise<number> },
  plan: BenchPlan['routes'],
  signal: AbortSignal,
): Promise<Timed> => {
  const samples: Samples = { bridge: [], baseline: [] }
  let bytes = 0
  const one = async (): Promise<number> => {
    signal.throwIfAborted()
    const answer = await bridge.raw('GET', call.path, { whole: !call.endless })
    if (answer.status !== 200) throw new Error(`${call.name} answered ${answer.status}`)
    bytes = Buffer.byteLength(answer.text)
    return answer.ms
  }
  for (let warm = 0; warm < WARM_UP; warm += 1) await Promise.all([one(), baseline()])
  const cpu = new CpuMeter(() => stage.bridge.pids)
  const deadline = performance.now() + plan.routeMs
  const open = (): boolean => samples.bridge.length < plan.requests && performance.now() < deadline
  while (open()) {
    await cpu.during(async () => {
      for (let turn = 0; turn < BLOCK && open(); turn += 1) samples.bridge.push(await one())
    })
    for (let turn = 0; turn < BLOCK && samples.baseline.length < samples.bridge.length; turn += 1) samples.baseline.push(await baseline())
  }
  return { call, samples, bytes, cpu, load: loadNow()[0] ?? 0 }
}

const p99Of = (samples: readonly number[]): number => quantile(samples, P99)

const figureOf = ({ call, samples }: Timed): Figure => {
  const count = samples.bridge.length
  const bridge = p99Of(samples.bridge)
  return {
    name: `${call.name}, ${count < ENOUGH_FOR_P99 ? `slowest of ${count}` : 'p99'}`,
    unit: 'ms',
    bridge,
    baseline: p99Of(samples.baseline),
    result: bridge,
    resultIs: 'plain',
    target: { bound: 'at most', value: P99_AT_MOST_MS },
  }
}

const ms = (value: number): string => value.toFixed(1)

/** Includes the CPU time, which shows the cost of a route whatever else the machine does. */
const lineOf = ({ call, samples, bytes, cpu }: Timed): string => {
  const cost = cpu.perUnit(samples.bridge.length, { name: 'ms', scale: 1, of: 'request' })
  return `${call.name}: p50 ${ms(median(samples.bridge))} ms, of the baseline ${ms(median(samples.baseline))} ms; ${bytes} bytes; ${cost}`
}

/** The known cause, else the load of the machine if that explains it, else that none is known. */
const causeOf = ({ call, samples, cpu, load }: Timed): string => {
  const cost = cpu.totalMs / samples.bridge.length
  const waited = load > availableParallelism() && cost > 0 && cost < P99_AT_MOST_MS
  const machine = `takes ${ms(cost)} ms of CPU and had to wait for it: load ${ms(load)} on ${availableParallelism()} cores`
  return `${call.name} is over ${P99_AT_MOST_MS} ms: ${call.cause ?? (waited ? machine : 'NO CAUSE IS KNOWN')}`
}

const describe = (timed: readonly Timed[], seed: SeedData): Measurement => {
  const loads = timed.map(({ load }) => load)
  return {
    title: 'GET routes',
    figures: timed.map(figureOf),
    notes: [
      `${seed.lanes} seeded lanes, ${seed.threads} stored threads (seeded in ${Math.round(seed.threadsMs / 1000)} s); one client, one request after the other; baseline: one Koa route that answers the same text, or Codex alone on stdio for routes that Codex answers`,
      `load average during the measurement: ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`,
      ...timed.filter(({ samples }) => median(samples.bridge) >= LISTED_FROM_MS).map(lineOf),
      ...timed.filter(({ samples }) => p99Of(samples.bridge) > P99_AT_MOST_MS).map(causeOf),
    ],
  }
}
