import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTempDir } from '../files/temp-dir.ts'
import { startHost } from './server-host.ts'
import type { ServerHost, ServerSpec } from './server-types.ts'

/** Control over a real server under test. */
export type ServerControl = {
  /** Origin of the server; one given by URL cannot be controlled. */
  readonly via: 'url' | 'binary' | 'container'
  readonly controllable: boolean
  /** Stops the server for good and removes its data unless the caller gave the directory. Does nothing to a server given by URL. */
  stop(): Promise<void>
  /** Ends it with a signal and resolves when it is gone: SIGKILL (default) for a crash, SIGTERM for a clean exit. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Stops it if it runs, and starts it on the same port with the same data and config. */
  restart(): Promise<void>
  /** Freezes it: connections stay open and nothing is answered, like a hung machine. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** The newest log output if the server is a child of this process. */
  output(): string
}

/** The part of a server's spec that depends on its kind; ports and paths are filled in here. */
export type ServerKind = Pick<ServerSpec, 'binary' | 'image' | 'containerPort' | 'containerCommand' | 'configText' | 'args' | 'probe'>

export type OpenedServer = {
  readonly host: ServerHost
  readonly control: ServerControl
  readonly dataDir: string
}

/** Starts a server of the given kind with its data in `dataDir`, or in a temp directory that is removed with it. */
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

/** Control of a server that runs elsewhere. */
export const foreignControl = (variable: string): ServerControl => {
  const refuse = async (): Promise<never> => {
    throw new Error(`the server comes from ${variable}: this test needs its own server (exclusive: true)`)
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
