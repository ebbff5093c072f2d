import { execFile } from 'node:child_process'
import { findExecutable } from '@codex-bridge/platform'
import { installLine, installServers, packageManager, type Server } from './system-packages.ts'

/** Names of the server binaries, in order of preference. Some distributions ship Valkey as Redis. */
const NAMES: Record<Server, string[]> = { nats: ['nats-server'], redis: ['redis-server', 'valkey-server'] }
const VERSION_TIMEOUT_MS = 5000

/** Paths by server. */
export type Binaries = Partial<Record<Server, string>>

const find = (server: Server): string | undefined => NAMES[server].map((name) => findExecutable(name)).find((path) => path !== undefined)

/** Names what is missing and the one command to type. */
const missingMessage = (missing: Server[]): string => {
  const names = missing.map((server) => NAMES[server][0]).join(', ')
  const manager = packageManager()
  const advice = manager
    ? `Install with:\n\n    ${installLine(manager, missing)}\n`
    : 'Install from https://nats.io/download and https://redis.io/docs/latest/operate/oss_and_stack/install.\n'
  return `Not found on PATH: ${names}. ${advice}
Or use running servers: NATS_URL=nats://host:4222 REDIS_URL=redis://host:6379 npm start`
}

/**
 * Finds nats-server and redis-server on PATH. Missing ones are installed with the system's package manager if that needs no password
 * and BRIDGE_NO_INSTALL is not 1.
 * @throws Error that names the one command to type
 */
export const findServers = async (wanted: Server[], say: (line: string) => void): Promise<Binaries> => {
  const missing = wanted.filter((server) => find(server) === undefined)
  const manager = missing.length > 0 ? packageManager() : undefined
  if (manager) {
    await installServers(manager, missing, say).catch((error: unknown) => say(error instanceof Error ? error.message : String(error)))
  }
  const found = wanted.map((server) => [server, find(server)] as const)
  const stillMissing = found.filter(([, path]) => path === undefined).map(([server]) => server)
  if (stillMissing.length > 0) throw new Error(missingMessage(stillMissing))
  return Object.fromEntries(found) as Binaries
}

/** Version a server binary prints for `--version`, e.g. `2.9.10`. */
export const readServerVersion = (path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(path, ['--version'], { encoding: 'utf8', timeout: VERSION_TIMEOUT_MS }, (error, stdout) => {
      const version = /v=?(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1]
      if (version) resolve(version)
      else reject(new Error(`${path} --version prints no version`, { cause: error ?? undefined }))
    })
  })
