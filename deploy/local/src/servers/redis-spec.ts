import { join } from 'node:path'
import type { DataLayout } from '../bridge/data-layout.ts'
import { writePrivateFile } from '../bridge/private-file.ts'
import type { ChildSpec } from '../supervision/child-spec.ts'

const READY_TIMEOUT_MS = 60_000
const GRACE_MS = 10_000

/** Redis holds only a read model: losing the last second costs a replay of the event log, not data. */
const configText = (dataDir: string, port: number, password: string): string => `bind 127.0.0.1
port ${port}
protected-mode yes
requirepass ${password}
dir ${JSON.stringify(dataDir)}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
logfile ""
`

export const redisUrl = (port: number, password: string): string => `redis://:${encodeURIComponent(password)}@127.0.0.1:${port}`

/** The Redis server of a data folder, on loopback. */
export const redisSpec = (layout: DataLayout, binary: string, port: number, password: string): ChildSpec => {
  const config = join(layout.redisDir, 'redis.conf')
  writePrivateFile(config, configText(layout.redisDir, port, password))
  return {
    name: 'redis',
    command: binary,
    args: [config],
    env: {},
    isReady: (line) => line.includes('Ready to accept connections'),
    readyTimeoutMs: READY_TIMEOUT_MS,
    graceMs: GRACE_MS,
    attempts: 1,
  }
}
