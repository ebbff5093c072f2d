import { runSmoke } from './run-smoke.ts'

/** `npm run smoke:e2e`. Resolves with the exit code. */
export const run = async (_mode: string, root: string): Promise<number> => {
  try {
    return await runSmoke(root, process.env)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  }
}
