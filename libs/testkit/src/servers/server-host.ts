import { setTimeout as sleep } from 'node:timers/promises'
import { findExecutable, freePort } from '@codex-bridge/platform'
import { type ManagedProcess, spawnProcess } from '../processes/managed-process.ts'
import { canListProcesses, isStopped } from '../processes/process-list.ts'
import { waitFor } from '../wait-for.ts'
import { startContainerHost } from './container-host.ts'
import type { ServerHost, ServerSpec } from './server-types.ts'

const LOOPBACK = '127.0.0.1'
const installers = [
  { tool: 'apt-get', command: (binary: string) => `sudo apt-get install -y ${binary}` },
  { tool: 'brew', command: (binary: string) => `brew install ${binary === 'redis-server' ? 'redis' : binary}` },
  { tool: 'apk', command: (binary: string) => `sudo apk add ${binary === 'redis-server' ? 'redis' : binary}` },
]

/** The command that installs `binary`, or runs a container if no package manager is known. */
export const installCommand = (binary: string, image: string, containerPort: number): string => {
  const installer = installers.find(({ tool }) => findExecutable(tool) !== undefined)
  return installer?.command(binary) ?? `docker run --rm -p ${containerPort}:${containerPort} ${image}`
}

class BinaryHost implements ServerHost {
  readonly via = 'binary'
  readonly address = LOOPBACK
  readonly port: number
  readonly #spec: ServerSpec
  readonly #path: string
  #process: ManagedProcess | undefined

  constructor(spec: ServerSpec, path: string, port: number) {
    this.#spec = spec
    this.#path = path
    this.port = port
  }

  async start(): Promise<void> {
    const { port, address } = this
    const { dataDir, configPath, binary } = this.#spec
    this.#process = await spawnProcess({
      name: `${binary} on port ${port}`,
      command: this.#path,
      args: this.#spec.args({ bindAddress: address, port, dataDir, configPath }),
      probe: (managed) => this.#spec.probe(address, port, managed.pid),
    })
    try {
      await this.#process.ready()
    } catch (error) {
      await this.kill('SIGKILL')
      throw error
    }
  }

  async halt(): Promise<void> {
    await this.#process?.stop()
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    this.#process?.kill(signal)
    await this.#process?.exited
  }

  async pause(): Promise<void> {
    const managed = this.#process
    if (!managed?.kill('SIGSTOP')) throw new Error(`${this.#spec.binary} is not running: nothing to pause`)
    // A thread on another core keeps running for a moment after the signal and could still answer.
    if (canListProcesses) {
      await waitFor(() => isStopped(managed.pid), { intervalMs: 1, describe: `${managed.name} to be stopped` })
    } else {
      await sleep(50)
    }
  }

  async resume(): Promise<void> {
    this.#process?.kill('SIGCONT')
  }

  dispose(): Promise<void> {
    return this.halt()
  }

  output(): string {
    return this.#process?.output() ?? ''
  }
}

const startBinaryHost = async (spec: ServerSpec, path: string): Promise<ServerHost> => {
  for (let attempt = 1; ; attempt += 1) {
    const host = new BinaryHost(spec, path, spec.port ?? (await freePort()))
    try {
      await host.start()
      return host
    } catch (error) {
      // Another test process may take a free port before the server binds it.
      const portTaken = /address already in use/i.test(host.output())
      if (spec.port !== undefined || !portTaken || attempt === 3) throw error
    }
  }
}

/**
 * Starts a server in a container if BRIDGE_TEST_CONTAINERS=1 or there is no local binary; otherwise, or if no engine
 * answers, from the local binary.
 */
export const startHost = async (spec: ServerSpec): Promise<ServerHost> => {
  const path = findExecutable(spec.binary)
  let refusal = 'not tried'
  if (process.env.BRIDGE_TEST_CONTAINERS === '1' || path === undefined) {
    try {
      return await startContainerHost(spec)
    } catch (error) {
      refusal = error instanceof Error ? error.message : String(error)
    }
  }
  if (path === undefined) {
    throw new Error(
      `${spec.binary} is not installed and a container could not be started (${refusal}). ` +
        `Type: ${installCommand(spec.binary, spec.image, spec.containerPort)}`,
    )
  }
  return startBinaryHost(spec, path)
}
