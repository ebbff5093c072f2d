import { execFile } from 'node:child_process'
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'
import { findExecutable } from '@codex-bridge/testkit'

/** What the figures were taken on. */
export type Machine = {
  cpu: string
  cores: number
  memoryGiB: number
  kernel: string
  node: string
  nats: string
  redis: string
  codex: string
  /** Over 1, 5 and 15 minutes. What else runs makes figures noisy; ratios suffer least. */
  loadBefore: number[]
}

const GIB = 1024 ** 3
const VERSION_TIMEOUT_MS = 3000
const UNKNOWN = 'unknown'

/** Version of the redis-server on PATH, which is the one a bridge of this run starts. */
const redisVersion = (): Promise<string> =>
  new Promise((resolve) => {
    const binary = findExecutable('redis-server')
    if (binary === undefined) {
      resolve(UNKNOWN)
      return
    }
    execFile(binary, ['--version'], { timeout: VERSION_TIMEOUT_MS }, (_error, stdout) => resolve(/v=(\S+)/.exec(stdout)?.[1] ?? UNKNOWN))
  })

export const describeMachine = async (versions: {
  nats: string | undefined
  codex: string | undefined
  loadBefore: number[]
}): Promise<Machine> => ({
  cpu: cpus()[0]?.model.trim() ?? UNKNOWN,
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / GIB),
  kernel: `${type()} ${release()} ${arch()}`,
  node: process.versions.node,
  nats: versions.nats ?? UNKNOWN,
  redis: await redisVersion(),
  codex: versions.codex ?? UNKNOWN,
  loadBefore: versions.loadBefore,
})

export const loadNow = (): number[] => loadavg()
