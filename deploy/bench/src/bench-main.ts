/**
 * `npm run bench`: the bridge against baselines measured in the same run. Environment: BENCH_QUICK=1 for a short run with rougher
 * figures, BENCH_JSON=<file> for the report as JSON as well.
 */
import { runBench } from './bench-run.ts'

/** Resolves with the exit code. */
export const run = async (_mode: string, root: string): Promise<number> => {
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort(new Error(`stopped by ${signal}`)))
  try {
    return await runBench({ root, env: process.env, signal: stopping.signal, say: (line) => void process.stderr.write(`  ${line}\n`) })
  } catch (error) {
    process.stderr.write(`The benchmark failed: ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  }
}
