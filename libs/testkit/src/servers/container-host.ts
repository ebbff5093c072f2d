import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '@codex-bridge/platform'
import type { ContainerRuntimeClient, StartedTestContainer } from 'testcontainers'
import { waitFor } from '../wait-for.ts'
import type { ServerHost, ServerSpec } from './server-types.ts'

const ENGINE_SOCKET = '/var/run/docker.sock'
const ENGINE_TIMEOUT_MS = 3000
const IMAGE_TIMEOUT_MS = 60_000
const START_TIMEOUT_MS = 30_000
const CONTAINER_DATA_DIR = '/data'
const CONTAINER_CONFIG_PATH = '/tmp/server.conf'

type EngineContainer = ReturnType<ContainerRuntimeClient['container']['getById']>

const within = async <T>(work: Promise<T>, timeoutMs: number, what: string): Promise<T> => {
  const timer = new AbortController()
  const timeout = sleep(timeoutMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`${what} took longer than ${timeoutMs} ms`)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    timer.abort()
  }
}

class ContainerHost implements ServerHost {
  readonly via = 'container'
  readonly address: string
  readonly port: number
  readonly #spec: ServerSpec
  readonly #started: StartedTestContainer
  readonly #container: EngineContainer

  constructor(spec: ServerSpec, started: StartedTestContainer, container: EngineContainer) {
    this.#spec = spec
    this.#started = started
    this.#container = container
    this.address = started.getHost()
    this.port = started.getMappedPort(spec.containerPort)
  }

  async start(): Promise<void> {
    // Starting the same container again keeps its port binding and its file system.
    const { State } = await this.#container.inspect()
    if (!State.Running) await this.#container.start()
    await waitFor(() => this.#spec.probe(this.address, this.port, undefined), {
      timeoutMs: START_TIMEOUT_MS,
      describe: `${this.#spec.image} to answer on ${this.address}:${this.port}`,
    })
  }

  async halt(): Promise<void> {
    await this.resume()
    const { State } = await this.#container.inspect()
    if (State.Running) await this.#container.stop({ t: 5 })
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    await this.#container.kill({ signal })
    await this.#container.wait()
  }

  async pause(): Promise<void> {
    await this.#container.pause()
  }

  async resume(): Promise<void> {
    const { State } = await this.#container.inspect()
    if (State.Paused) await this.#container.unpause()
  }

  async dispose(): Promise<void> {
    await this.#started.stop({ remove: true, removeVolumes: true })
  }

  output(): string {
    return ''
  }
}

/**
 * Runs the server in a container. Fails within seconds if no engine answers, so that the caller can fall back. Data stays inside
 * the container unless the caller chose a directory: the engine may run on another machine.
 */
export const startContainerHost = async (spec: ServerSpec): Promise<ServerHost> => {
  if (process.env.DOCKER_HOST === undefined && !existsSync(ENGINE_SOCKET)) {
    throw new Error(`no container engine: DOCKER_HOST is not set and ${ENGINE_SOCKET} does not exist`)
  }
  // Loaded only here: it takes most of a second and is not needed with local binaries.
  const { GenericContainer, getContainerRuntimeClient, ImageName } = await import('testcontainers')
  const engine = await within(getContainerRuntimeClient(), ENGINE_TIMEOUT_MS, 'the container engine')
  const image = ImageName.fromString(spec.image)
  if (!(await within(engine.image.exists(image), ENGINE_TIMEOUT_MS, 'the image list'))) {
    await within(engine.image.pull(image), IMAGE_TIMEOUT_MS, `pulling ${spec.image}`)
  }
  const port = spec.port ?? (await freePort())
  const place = {
    bindAddress: '0.0.0.0',
    port: spec.containerPort,
    dataDir: CONTAINER_DATA_DIR,
    configPath: CONTAINER_CONFIG_PATH,
  }
  const container = new GenericContainer(spec.image)
    .withCommand([...spec.containerCommand, ...spec.args(place)])
    .withExposedPorts({ container: spec.containerPort, host: port })
    .withAutoRemove(false)
    .withStartupTimeout(START_TIMEOUT_MS)
  if (spec.configText !== undefined) {
    container.withCopyContentToContainer([{ content: spec.configText, target: CONTAINER_CONFIG_PATH }])
  }
  if (spec.dataDirGiven) {
    container.withBindMounts([{ source: spec.dataDir, target: CONTAINER_DATA_DIR, mode: 'rw' }])
    // Files in the caller's directory must belong to the caller, who removes them.
    container.withUser(`${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`)
  }
  const started = await container.start()
  const host = new ContainerHost(spec, started, engine.container.getById(started.getId()))
  try {
    await host.start()
    return host
  } catch (error) {
    await host.dispose()
    throw error
  }
}
