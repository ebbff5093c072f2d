import { spawn, spawnSync } from 'node:child_process'
import { findExecutable } from '@codex-bridge/platform'

export type Server = 'nats' | 'redis'

/** A package manager: its install commands, and its names of the two servers. */
export type PackageManager = {
  name: string
  packages: Record<Server, string>
  /** Command lines, in order. */
  commands: (packages: string[]) => string[][]
  needsRoot: boolean
}

const MANAGERS: PackageManager[] = [
  {
    name: 'apt-get',
    packages: { nats: 'nats-server', redis: 'redis-server' },
    commands: (packages) => [
      ['apt-get', 'update', '-qq'],
      ['apt-get', 'install', '-qq', '-y', '--no-install-recommends', ...packages],
    ],
    needsRoot: true,
  },
  {
    name: 'dnf',
    packages: { nats: 'nats-server', redis: 'redis' },
    commands: (packages) => [['dnf', 'install', '-y', ...packages]],
    needsRoot: true,
  },
  {
    name: 'apk',
    packages: { nats: 'nats-server', redis: 'redis' },
    commands: (packages) => [['apk', 'add', ...packages]],
    needsRoot: true,
  },
  {
    name: 'pacman',
    packages: { nats: 'nats-server', redis: 'redis' },
    commands: (packages) => [['pacman', '-S', '--noconfirm', '--needed', ...packages]],
    needsRoot: true,
  },
  {
    name: 'brew',
    packages: { nats: 'nats-server', redis: 'redis' },
    commands: (packages) => [['brew', 'install', ...packages]],
    needsRoot: false,
  },
]

/** The package manager of this system; on macOS only brew, which refuses root. */
export const packageManager = (find: (name: string) => string | undefined = findExecutable): PackageManager | undefined =>
  MANAGERS.find((manager) => find(manager.name) !== undefined)

/** The command a person would type to install the servers. */
export const installLine = (manager: PackageManager, servers: Server[]): string =>
  manager
    .commands(servers.map((server) => manager.packages[server]))
    .filter((command) => !command.includes('update'))
    .map((command) => [...(manager.needsRoot ? ['sudo'] : []), ...command.filter((word) => word !== '-qq')].join(' '))
    .join(' && ')

/** Prefix that gives a command the rights it needs; undefined if that would take a password. */
const rightsPrefix = (manager: PackageManager): string[] | undefined => {
  if (!manager.needsRoot || process.getuid?.() === 0) return []
  const sudo = findExecutable('sudo')
  return sudo && spawnSync(sudo, ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? [sudo, '-n'] : undefined
}

const run = (command: string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const [file = '', ...args] = command
    const child = spawn(file, args, {
      // Standard output is reserved for the bridge's own report.
      stdio: ['ignore', process.stderr, process.stderr],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', HOMEBREW_NO_AUTO_UPDATE: '1' },
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(`${command.join(' ')} ended with ${signal ?? code}`))
    })
  })

/**
 * Installs servers with the system's package manager if that needs no password.
 * @returns false if it is not allowed or not possible; nothing was changed then
 * @throws Error when the package manager failed
 */
export const installServers = async (manager: PackageManager, servers: Server[], say: (line: string) => void): Promise<boolean> => {
  if (process.env['BRIDGE_NO_INSTALL'] === '1') return false
  const prefix = rightsPrefix(manager)
  if (!prefix) return false
  for (const command of manager.commands(servers.map((server) => manager.packages[server]))) {
    const line = [...prefix, ...command]
    say(`Running: ${line.join(' ')}`)
    await run(line)
  }
  if (manager.name === 'apt-get') {
    say('Debian may have started its own instances of these servers. The bridge runs separate ones, with other ports and data.')
  }
  return true
}
