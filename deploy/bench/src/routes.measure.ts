import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startBareKoa } from './bare.koa.ts'
import type { BenchPlan } from './bench.plan.ts'
import type { Stage } from './bench.stage.ts'
import type { Figure, Measurement } from './figure.ts'
import { loadNow } from './machine.ts'
import { CpuMeter } from './process.cpu.ts'
import { type OpenApiPaths, type RouteCall, routeCalls } from './route.list.ts'
import { median, quantile } from './sample.statistics.ts'
import { makeStock, type Stock } from './stock.maker.ts'
import type { Teardown } from './teardown.ts'
import { TimedGet } from './timed.get.ts'

const P99_AT_MOST_MS = 50
const P99 = 0.99
/** The two sides take turns in blocks, so that both see the same machine. */
const BLOCK = 10
const WARM_UP = 3

type Samples = { bridge: number[]; baseline: number[] }
type Timed = { call: RouteCall; samples: Samples; bytes: number; cpu: string }

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
  const stock = await makeStock(stage, plan, signal)
  const bridge = new TimedGet(Number(new URL(stage.bridge.baseUrl).port))
  teardown.add('client of the routes', () => bridge.close())
  const { paths } = (await (await fetch(`${stage.bridge.baseUrl}/openapi/json`)).json()) as { paths: OpenApiPaths }
  const calls = routeCalls(paths, stock, busyLane)
  const texts = await answersOf(stage.bridge.baseUrl, calls)
  const folder = join(stage.scratch, 'answers')
  mkdirSync(folder)
  for (const [index, text] of texts.entries()) writeFileSync(join(folder, String(index)), text)
  const koa = await startBareKoa('{}', folder)
  teardown.add('bare koa', () => koa.process.stop())
  const bare = new TimedGet(koa.port)
  teardown.add('client of the baseline', () => bare.close())
  const loads: number[] = []
  const timed: Timed[] = []
  for (const [index, call] of calls.entries()) {
    timed.push(await timeRoute(stage, { bridge, bare }, call, `/same/${index}`, plan, signal))
    loads.push(loadNow()[0] ?? 0)
  }
  return describe(timed, stock, loads)
}

/** What the baseline answers: the same texts. An endless answer has none. */
const answersOf = (baseUrl: string, calls: readonly RouteCall[]): Promise<string[]> =>
  Promise.all(calls.map(async ({ path, endless }) => (endless ? '' : await (await fetch(`${baseUrl}${path}`)).text())))

const timeRoute = async (
  stage: Stage,
  clients: { bridge: TimedGet; bare: TimedGet },
  call: RouteCall,
  same: string,
  plan: BenchPlan['routes'],
  signal: AbortSignal,
): Promise<Timed> => {
  const samples: Samples = { bridge: [], baseline: [] }
  let bytes = 0
  const one = async (): Promise<number> => {
    signal.throwIfAborted()
    const answer = await clients.bridge.get(call.path, !call.endless)
    if (answer.status !== 200) throw new Error(`${call.name} answered ${answer.status}`)
    bytes = answer.bytes
    return answer.ms
  }
  const bare = async (): Promise<number> => (await clients.bare.get(same)).ms
  for (let warm = 0; warm < WARM_UP; warm += 1) await Promise.all([one(), bare()])
  const cpu = new CpuMeter(() => stage.bridge.pids)
  const deadline = performance.now() + plan.routeMs
  while (samples.bridge.length < plan.requests && performance.now() < deadline) {
    await cpu.during(async () => {
      for (let turn = 0; turn < BLOCK && performance.now() < deadline; turn += 1) samples.bridge.push(await one())
    })
    for (let turn = 0; turn < BLOCK; turn += 1) samples.baseline.push(await bare())
  }
  return { call, samples, bytes, cpu: cpu.perUnit(samples.bridge.length, { name: 'ms', scale: 1, of: 'request' }) }
}

const p99Of = (samples: readonly number[]): number => quantile(samples, P99)

const figuresOf = ({ call, samples }: Timed): Figure[] => {
  const bridge = p99Of(samples.bridge)
  return [
    {
      name: `${call.name}, p99`,
      unit: 'ms',
      bridge,
      baseline: p99Of(samples.baseline),
      result: bridge,
      resultIs: 'plain',
      target: { bound: 'at most', value: P99_AT_MOST_MS },
    },
  ]
}

const describe = (timed: readonly Timed[], stock: Stock, loads: readonly number[]): Measurement => {
  const ms = (value: number): string => value.toFixed(1)
  const counts = timed.map(({ samples }) => samples.bridge.length)
  const lineOf = ({ call, samples, bytes, cpu }: Timed): string =>
    `${call.name}: p50 ${ms(median(samples.bridge))} ms, ${samples.bridge.length} requests, ${bytes} bytes; ${cpu}`
  const causeOf = ({ call, samples }: Timed): string =>
    `${call.name} is over ${P99_AT_MOST_MS} ms (p50 ${ms(median(samples.bridge))}): ${call.cause ?? 'no known cause; the baseline beside shows how much the machine stalls'}`
  return {
    title: 'GET routes',
    figures: timed.flatMap(figuresOf),
    notes: [
      `${stock.lanes} lanes made for this, ${stock.threads} stored threads (in ${Math.round(stock.threadsMs / 1000)} s); one client, one request after the other, ${Math.min(...counts)} to ${Math.max(...counts)} of each; baseline: one Koa route that answers the same text`,
      `load average meanwhile: ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`,
      ...timed.map(lineOf),
      ...timed.filter(({ samples }) => p99Of(samples.bridge) > P99_AT_MOST_MS).map(causeOf),
    ],
  }
}
