import { join } from 'node:path'
import { renderServerConfig } from '@codex-bridge/bus'
import type { Secrets } from '../bridge/credentials.ts'
import type { DataLayout } from '../bridge/data-layout.ts'
import { writePrivateFile } from '../bridge/private-file.ts'
import type { ChildSpec } from '../supervision/child-spec.ts'

/** A large store is replayed after a crash. */
const READY_TIMEOUT_MS = 60_000
const GRACE_MS = 10_000

/** The NATS server of a data folder, on loopback. Passwords are in a file of mode 0600, not on the command line. */
export const natsSpec = (layout: DataLayout, binary: string, version: string, port: number, secrets: Secrets): ChildSpec => {
  const config = join(layout.natsDir, 'nats.conf')
  writePrivateFile(
    config,
    renderServerConfig({ host: '127.0.0.1', port, storeDir: join(layout.natsDir, 'store'), passwords: secrets.bus, version }),
  )
  return {
    name: 'nats',
    command: binary,
    args: ['-c', config],
    env: {},
    isReady: (line) => line.includes('Server is ready'),
    readyTimeoutMs: READY_TIMEOUT_MS,
    graceMs: GRACE_MS,
    attempts: 1,
  }
}
