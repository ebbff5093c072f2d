import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTempDir } from '../files/temp-dir.ts'
import { startHost } from './server-host.ts'
import type { ServerHost, ServerSpec } from './server-types.ts'

/** What every real server under test can be made to do. */
export type ServerControl = {
  /** Where it comes from; a server given by URL cannot be controlled. */
  readonly via: 'url' | 'binary' | 'container'
  readonly controllable: boolean
  /** Ends the server for good and removes the data it was not given. On a server given by URL it does nothing. */
  stop(): Promise<void>
  /** Ends it with a signal and resolves when it is gone: SIGKILL (default) for a crash, SIGTERM for an orderly end. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again (after an orderly end, if it still runs) on the same port with the same data and config. */
  restart(): Promise<void>
  /** Freezes it: connections stay open and nothing is answered, like a hung machine. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** The newest log output, where the server is a child of this process. */
  output(): string
}

/** The part of a server's spec that its kind decides; places and ports are filled in here. */
export type ServerKind = Pick<ServerSpec, 'binary' | 'image' | 'containerPort' | 'containerCommand' | 'configText' | 'args' | 'probe'>

export type OpenedServer = {
  readonly host: ServerHost
  readonly control: ServerControl
  readonly dataDir: string
}

/** Starts a server of the given kind with its data in `dataDir`, or in a temp directory that goes with it. */
export const openServer = async (
  kind: ServerKind,
  place: { dataDir?: string | undefined; port?: number | undefined },
): Promise<OpenedServer> => {
  const scratch = createTempDir(`bridge-${kind.binary}-`)
  const dataDir = place.dataDir ?? join(scratch.path, 'data')
  mkdirSync(dataDir, { recursive: true })
  const configPath = join(scratch.path, 'server.conf')
  if (kind.configText !== undefined) writeFileSync(configPath, kind.configText, { mode: 0o600 })
  try {
    const dataDirGiven = place.dataDir !== undefined
    const host = await startHost({ ...kind, dataDir, dataDirGiven, configPath, port: place.port })
    return { host, dataDir, control: controlOf(host, scratch.cleanup) }
  } catch (error) {
    scratch.cleanup()
    throw error
  }
}

const controlOf = (host: ServerHost, removeData: () => void): ServerControl => {
  let stopped = false
  return {
    via: host.via,
    controllable: true,
    stop: async () => {
      if (!stopped) {
        stopped = true
        await host.dispose()
        removeData()
      }
    },
    kill: (signal = 'SIGKILL') => host.kill(signal),
    restart: async () => {
      if (stopped) throw new Error('a stopped server has no data to restart with: use kill() for an outage')
      await host.halt()
      await host.start()
    },
    pause: () => host.pause(),
    resume: () => host.resume(),
    output: () => host.output(),
  }
}

/** The control of a server which somebody else runs. */
export const foreignControl = (variable: string): ServerControl => {
  const refuse = async (): Promise<never> => {
    throw new Error(`the server comes from ${variable}: this test needs one of its own (exclusive: true)`)
  }
  return {
    via: 'url',
    controllable: false,
    stop: async () => undefined,
    kill: refuse,
    restart: refuse,
    pause: refuse,
    resume: refuse,
    output: () => '',
  }
}
