import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSandbox, probeHealth, startBridge } from '@codex-bridge/local'
import type { Say } from './check-report.ts'

const DEFAULT_PORT = 8787

/** Where the bridge under test is, and how it is left. */
export type SmokeTarget = {
  baseUrl: string
  /** A bridge that was started for this test alone: nobody's lanes are in it. */
  own: boolean
  /** Working folder for lanes; undefined where this machine may not be the runner's. */
  repoRoot: string | undefined
  leave: () => Promise<void>
}

/**
 * The bridge at BASE_URL, else the one that runs on the port of `npm start`, else a new one with a scripted model.
 * @throws Error in words for the operator when that one cannot be started; nothing is left then
 */
export const findTarget = async (root: string, env: NodeJS.ProcessEnv, say: Say): Promise<SmokeTarget> => {
  const leave = async (): Promise<void> => undefined
  const given = env['BASE_URL']?.replace(/\/+$/, '')
  if (given) return { baseUrl: given, own: false, repoRoot: undefined, leave }
  const usual = `http://127.0.0.1:${env['PORT'] || DEFAULT_PORT}`
  if (await probeHealth(usual)) return { baseUrl: usual, own: false, repoRoot: undefined, leave }
  say(`Nothing answers on ${usual}: starting a bridge with a scripted model for this test`)
  return await startOwn(root, env)
}

const startOwn = async (root: string, env: NodeJS.ProcessEnv): Promise<SmokeTarget> => {
  const folder = mkdtempSync(join(tmpdir(), 'codex-bridge-smoke-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  const inFolder = (name: string): string => {
    const path = join(folder, name)
    mkdirSync(path)
    return path
  }
  try {
    const dataDir = inFolder('data')
    const bridge = await startBridge({
      dataDir,
      ...(await createSandbox(root, dataDir)),
      env: { ...unshared(env), HOME: inFolder('home') },
      say: (line) => process.stderr.write(`  ${line}\n`),
    })
    return { baseUrl: bridge.baseUrl, own: true, repoRoot: inFolder('workspace'), leave: () => bridge.stop().finally(remove) }
  } catch (error) {
    remove()
    throw error
  }
}

/** Settings of a bridge or server that runs for somebody: a test bridge must not use them. */
const SHARED = /^(BRIDGE|NATS|REDIS)_|^(HOST|PORT|CODEX_HOME)$/

const unshared = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !SHARED.test(name)))
