import { chmodSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Paths in the data folder, which holds everything that survives a restart. */
export type DataLayout = {
  dataDir: string
  /** Lock and process identities, present only while something runs. */
  runDir: string
  lockFile: string
  logDir: string
  natsDir: string
  redisDir: string
  secretsFile: string
  portsFile: string
  /** Codex home and workspace of the demo. */
  codexHome: string
  workspaceDir: string
}

export const layoutOf = (folder: string): DataLayout => {
  const dataDir = resolve(folder)
  const runDir = join(dataDir, 'run')
  return {
    dataDir,
    runDir,
    lockFile: join(runDir, 'bridge.lock'),
    logDir: join(dataDir, 'logs'),
    natsDir: join(dataDir, 'nats'),
    redisDir: join(dataDir, 'redis'),
    secretsFile: join(dataDir, 'secrets.json'),
    portsFile: join(dataDir, 'ports.json'),
    codexHome: join(dataDir, 'codex-home'),
    workspaceDir: join(dataDir, 'workspace'),
  }
}

/** Creates the folders, readable by this user alone: events carry prompts and results. */
export const createLayout = (layout: DataLayout): void => {
  mkdirSync(layout.dataDir, { recursive: true, mode: 0o700 })
  for (const folder of [layout.runDir, layout.logDir, layout.natsDir, layout.redisDir]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
  }
}
