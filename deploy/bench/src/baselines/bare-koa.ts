import { fileURLToPath } from 'node:url'
import { type ManagedProcess, startProcess } from '@codex-bridge/testkit'
import { ownEnvironment } from '../stage/bench-plan.ts'

const entry = fileURLToPath(new URL('./bare-koa-main.js', import.meta.url))

export type BareKoa = { port: number; process: ManagedProcess }

/** Starts the bare Koa process; the caller stops it. @param folder of texts that `/same/{file}` answers; too long for an environment */
export const startBareKoa = async (body: string, folder = ''): Promise<BareKoa> => {
  const managed = await startProcess({
    name: 'bare koa',
    command: process.execPath,
    args: [entry],
    env: { ...ownEnvironment(process.env), BENCH_BODY: body, BENCH_ANSWERS: folder },
    cleanEnv: true,
    stdin: 'pipe',
    readyWhen: (output) => output.includes('"port"'),
  })
  return { port: (JSON.parse(managed.output()) as { port: number }).port, process: managed }
}
