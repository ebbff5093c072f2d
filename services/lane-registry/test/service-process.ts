import { fileURLToPath } from 'node:url'
import { type ManagedProcess, startProcess } from '@codex-bridge/testkit'
import type { Rig } from './registry-fixture.ts'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** The built service as a process of its own. Resolves when it says that it is ready. */
export const startService = (rig: Rig, instance: string, settings: Record<string, string> = {}): Promise<ManagedProcess> =>
  startProcess({
    command: process.execPath,
    args: [main],
    env: { NATS_URL: rig.nats.url, REDIS_URL: rig.redis.url, BRIDGE_LOG_LEVEL: 'info', BRIDGE_INSTANCE: instance, ...settings },
    readyWhen: (output) => output.includes('"msg":"ready"'),
  })
