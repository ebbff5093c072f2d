/** How much is measured. Every number bounds the run; together they keep a full one below four minutes. */
export type BenchPlan = {
  turns: { rounds: number; perRound: number; warmUp: number }
  latency: { rounds: number; lanes: number; messagesPerTurn: number; gapMs: number }
  rest: { rounds: number; roundMs: number; warmUpMs: number; connections: number }
  /** `threadsMs` bounds the making of threads, `routeMs` each route. */
  routes: { lanes: number; threads: number; threadsMs: number; requests: number; routeMs: number }
  start: { rounds: number }
  /** After this the run ends as failed. */
  limitMs: number
}

/** Lanes × 2 notifications per message / gap: 200 per second, less what Codex itself takes per message. */
const LATENCY = { lanes: 4, gapMs: 36 }
const CONNECTIONS = 32

const FULL: BenchPlan = {
  turns: { rounds: 8, perRound: 10, warmUp: 5 },
  latency: { ...LATENCY, rounds: 4, messagesPerTurn: 100 },
  rest: { rounds: 6, roundMs: 2000, warmUpMs: 1500, connections: CONNECTIONS },
  routes: { lanes: 1000, threads: 200, threadsMs: 30_000, requests: 150, routeMs: 1500 },
  start: { rounds: 3 },
  limitMs: 240_000,
}

const QUICK: BenchPlan = {
  turns: { rounds: 3, perRound: 5, warmUp: 2 },
  latency: { ...LATENCY, rounds: 1, messagesPerTurn: 50 },
  rest: { rounds: 3, roundMs: 700, warmUpMs: 500, connections: CONNECTIONS },
  routes: { lanes: 200, threads: 40, threadsMs: 15_000, requests: 30, routeMs: 500 },
  start: { rounds: 1 },
  limitMs: 120_000,
}

export type BenchSettings = { plan: BenchPlan; quick: boolean; jsonFile: string | undefined }

export const readSettings = (env: NodeJS.ProcessEnv): BenchSettings => {
  const quick = env['BENCH_QUICK'] === '1'
  return { plan: quick ? QUICK : FULL, quick, jsonFile: env['BENCH_JSON'] || undefined }
}

/** Settings of a bridge or server that runs for somebody: a benchmark must neither use nor load it. */
const FOREIGN = /^(BRIDGE|NATS|REDIS)_|^(HOST|PORT|CODEX_HOME)$/

/** The environment for what the benchmark starts. */
export const ownEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !FOREIGN.test(name)))
