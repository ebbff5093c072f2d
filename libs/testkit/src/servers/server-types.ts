/** Address and paths of a server process, as seen inside its container if it has one. */
type ServerPlace = {
  readonly bindAddress: string
  readonly port: number
  readonly dataDir: string
  readonly configPath: string
}

/** What a host needs to know to run one kind of server. */
export type ServerSpec = {
  readonly binary: string
  readonly image: string
  readonly containerPort: number
  /** Command before the arguments, for images whose entry point does not start the server. */
  readonly containerCommand: readonly string[]
  /** Fixed port; otherwise a free one is chosen and kept over restarts. */
  readonly port: number | undefined
  readonly dataDir: string
  /** The caller chose the directory, so a container has to mount it. */
  readonly dataDirGiven: boolean
  readonly configPath: string
  readonly configText: string | undefined
  args(place: ServerPlace): string[]
  /** True when the server at this address answers and, where `pid` is known, is that process. */
  probe(host: string, port: number, pid: number | undefined): Promise<boolean>
}

/** A server that can be stopped and restarted on the same port with the same data. */
export type ServerHost = {
  readonly via: 'binary' | 'container'
  readonly address: string
  readonly port: number
  start(): Promise<void>
  /** Graceful end; `start()` works afterwards. */
  halt(): Promise<void>
  /** Resolves when the server is gone. */
  kill(signal: NodeJS.Signals): Promise<void>
  pause(): Promise<void>
  resume(): Promise<void>
  /** Final: nothing of the server is left. */
  dispose(): Promise<void>
  output(): string
}
