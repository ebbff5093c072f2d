import { join } from 'node:path'
import { poll } from '@codex-bridge/platform'
import { createCodexHome, freePort, type ManagedProcess, spawnProcess } from '@codex-bridge/testkit'
import { startBareKoa } from '../baselines/bare-koa.ts'
import type { Measurement } from '../report/figure.ts'
import { type Round, summarise } from '../report/sample-statistics.ts'
import { type BenchPlan, ownEnvironment } from '../stage/bench-plan.ts'
import type { Stage } from '../stage/bench-stage.ts'
import type { Teardown } from '../stage/teardown.ts'

const START_AT_MOST_S = 5
/** The first start may have to build sources that changed since the benchmark began. */
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 30_000
const POLL_MS = 10
const PROBE_TIMEOUT_MS = 5000
/** A start that had to build is not a warm one. After so many of them the measurement gives up. */
const BUILDS_ALLOWED = 3

/**
 * `npm start` (its script, without npm) on a data folder that was used before, from spawning it to the first `GET /health` that says `ok`.
 * The baseline is a process with one Koa route: it shows how fast the machine starts processes at all.
 */
export const measureStart = async (
  stage: Stage,
  plan: BenchPlan['start'],
  signal: AbortSignal,
  teardown: Teardown,
): Promise<Measurement> => {
  const { path: codexHome } = await createCodexHome({ dir: join(stage.scratch, 'start-home'), baseUrl: stage.modelUrl })
  const port = await freePort()
  const startOnce = async (): Promise<{ seconds: number; built: boolean }> => {
    signal.throwIfAborted()
    const startedAt = performance.now()
    const bridge = await spawnProcess({
      name: 'npm start',
      command: process.execPath,
      args: [join(stage.root, 'deploy/local/start.mjs')],
      cwd: stage.root,
      env: {
        ...ownEnvironment(process.env),
        PORT: String(port),
        BRIDGE_DATA_DIR: join(stage.scratch, 'start-data'),
        CODEX_HOME: codexHome,
      },
      cleanEnv: true,
      graceMs: STOP_TIMEOUT_MS,
    })
    const end = (): Promise<unknown> => bridge.stop()
    teardown.add('npm start', end)
    try {
      await untilHealthy(`http://127.0.0.1:${port}/health`, bridge, signal)
      return { seconds: (performance.now() - startedAt) / 1000, built: /^(Building|Installing)/m.test(bridge.output()) }
    } finally {
      await end()
    }
  }
  await startOnce()
  const rounds: Round[] = []
  let builds = 0
  while (rounds.length < plan.rounds) {
    const { seconds, built } = await startOnce()
    if (!built) rounds.push({ bridge: seconds, baseline: await bareStart() })
    else if (++builds > BUILDS_ALLOWED) throw new Error('the sources kept changing, so every start had to build')
  }
  return {
    title: 'warm start',
    figures: [
      {
        name: 'npm start to healthy, warm',
        unit: 's',
        ...summarise(rounds, ({ bridge }) => bridge),
        resultIs: 'plain',
        target: { bound: 'at most', value: START_AT_MOST_S },
      },
    ],
    notes: [`${rounds.length} starts on a used data folder; baseline: one Koa process to its first answer`],
  }
}

const untilHealthy = async (url: string, bridge: ManagedProcess, signal: AbortSignal): Promise<void> => {
  const isOver = async (): Promise<boolean> => !bridge.running || (await isHealthy(url))
  const over = await poll(isOver, { timeoutMs: START_TIMEOUT_MS, everyMs: POLL_MS, signal })
  signal.throwIfAborted()
  if (!bridge.running) throw new Error(`npm start exited: ${bridge.output().slice(-500)}`)
  if (!over) throw new Error(`not healthy after ${START_TIMEOUT_MS / 1000} s: ${bridge.output().slice(-500)}`)
}

const isHealthy = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
    return ((await response.json()) as { status?: unknown }).status === 'ok'
  } catch {
    return false
  }
}

const bareStart = async (): Promise<number> => {
  const startedAt = performance.now()
  const koa = await startBareKoa('{}')
  try {
    await fetch(`http://127.0.0.1:${koa.port}/lanes/any`).then((response) => response.text())
    return (performance.now() - startedAt) / 1000
  } finally {
    await koa.process.stop()
  }
}
