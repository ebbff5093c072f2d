import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSandbox, probeHealth, startBridge } from '@codex-bridge/local'
import type { Say } from './check-report.ts'

const DEFAULT_PORT = 8787

/** The bridge under test, and how to release it. */
export type SmokeTarget = {
  baseUrl: string
  /** The bridge was started for this run alone, so it holds nobody else's lanes. */
  own: boolean
  /** Working folder for lanes; undefined if the runner may be on another machine. */
  repoRoot: string | undefined
  release: () => Promise<void>
}

/**
 * Finds the bridge at BASE_URL, else the one on the port of `npm start`, else starts one with a scripted model.
 * @throws Error with a message for the operator if that fails; nothing is left running then
 */
export const findTarget = async (root: string, env: NodeJS.ProcessEnv, say: Say): Promise<SmokeTarget> => {
  const release = async (): Promise<void> => undefined
  const given = env['BASE_URL']?.replace(/\/+$/, '')
  if (given) return { baseUrl: given, own: false, repoRoot: undefined, release }
  const usual = `http://127.0.0.1:${env['PORT'] || DEFAULT_PORT}`
  if (await probeHealth(usual)) return { baseUrl: usual, own: false, repoRoot: undefined, release }
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
    return { baseUrl: bridge.baseUrl, own: true, repoRoot: inFolder('workspace'), release: () => bridge.stop().finally(remove) }
  } catch (error) {
    remove()
    throw error
  }
}

/** Settings that point to a bridge or server in use: a test bridge must not inherit them. */
const SHARED = /^(BRIDGE|NATS|REDIS)_|^(HOST|PORT|CODEX_HOME)$/

const unshared = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !SHARED.test(name)))
