import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import type { Readable, Writable } from 'node:stream'
import { hostIdentity, type ProcessIdentity, processIdentity, signalGroup } from '@codex-bridge/platform'
import type { CodexResult } from '../protocol/methods.ts'
import { readNotification } from '../protocol/notifications.ts'
import { RpcPeer } from '../rpc/rpc-peer.ts'
import type { RpcPeerOptions } from '../rpc/rpc-peer-options.ts'
import { AppServerStartError } from './app-server-errors.ts'
import { type AppServerArgsOptions, type AppServerEnvOptions, appServerArgs, appServerEnv, boundToParent } from './launch.ts'
import { PROCESS_MARK_VARIABLE, reapMarkedProcesses } from './marked-process-reaper.ts'
import { StderrTail } from './stderr-tail.ts'

const DEFAULT_START_TIMEOUT_MS = 15_000
const DEFAULT_STOP_GRACE_MS = 2000
/** codex ends 9–40 ms after SIGTERM; this wait is for one that no longer reacts. */
const TERM_GRACE_MS = 1000
/** A grandchild may hold the output pipes open after the exit. What codex itself wrote arrives at once. */
const DRAIN_MS = 250

type Child = ChildProcessByStdio<Writable, Readable, Readable>

type Spawned = {
  child: Child
  pid: number
  mark: string
}

export type AppServerOptions = AppServerEnvOptions &
  AppServerArgsOptions & {
    /** Path of the native codex binary, see `resolveCodexBinary`. */
    binary: string
    /** Working folder of the server; relative `cwd` values in requests resolve against it. */
    cwd?: string
    /** `name` becomes the originator of every thread this process makes. */
    clientInfo: { name: string; version: string; title?: string | null }
    /** Exact names of notifications that the server must not send. */
    optOutNotificationMethods?: readonly string[]
    /** Limit for spawn and handshake together, in milliseconds. Default 15 000. */
    startTimeoutMs?: number
    /** Handlers and limits of the peer. Handlers given here miss nothing: `configWarning` follows the handshake at once. */
    peer?: Omit<RpcPeerOptions, 'readable' | 'writable'>
  }

/** How a process ended: by an exit code or by a signal; the other is null. */
export type AppServerExit = {
  code: number | null
  signal: NodeJS.Signals | null
}

/**
 * One `codex app-server` child on stdio, initialised and ready. It leads its own process group and ends when its stdin ends. On
 * Linux with setpriv it also gets SIGTERM when this process dies.
 */
export class AppServerProcess {
  readonly pid: number
  /** Identifies the process to a later reaper; without a start time where the system does not tell. */
  readonly identity: ProcessIdentity
  /** Value of {@link PROCESS_MARK_VARIABLE} in the child and everything it starts, for a later `reapMarkedProcesses`. */
  readonly mark: string
  readonly peer: RpcPeer
  /** Resolves once the process is gone and its last output has been handled. Never rejects. */
  readonly exited: Promise<AppServerExit>
  readonly #child: Child
  readonly #stderr: StderrTail
  #initialized: CodexResult<'initialize'> = { userAgent: '' }
  #stopping: Promise<AppServerExit> | undefined

  private constructor({ child, pid, mark }: Spawned, peerOptions: AppServerOptions['peer']) {
    this.#child = child
    this.pid = pid
    this.mark = mark
    this.identity = processIdentity(pid) ?? { host: hostIdentity(), pid, startTime: null }
    this.#stderr = new StderrTail()
    child.stderr.on('data', (chunk: Buffer) => this.#stderr.push(chunk))
    child.stderr.on('error', () => undefined)
    this.peer = new RpcPeer({ ...peerOptions, readable: child.stdout, writable: child.stdin })
    this.peer.onNotification((method, params) => this.#onNotification(method, params))
    this.exited = this.#watchExit()
  }

  /**
   * Spawns codex and initialises it (experimental API on).
   * @throws AppServerStartError the binary cannot be run, ended early, or did not answer in time. Nothing is left running.
   */
  static async start(options: AppServerOptions): Promise<AppServerProcess> {
    const deadline = performance.now() + (options.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS)
    const server = new AppServerProcess(await spawnChild(options), options.peer)
    try {
      await server.#initialize(options, Math.max(1, deadline - performance.now()))
    } catch (cause) {
      const exit = await server.stop({ graceMs: 0 })
      throw new AppServerStartError('handshake', `codex app-server did not start: ${(cause as Error).message}`, {
        cause,
        exit,
        stderr: server.stderrTail(),
      })
    }
    return server
  }

  /** Version from the handshake, e.g. `0.169.0`; undefined when the user agent does not contain one. */
  get codexVersion(): string | undefined {
    return parseUserAgentVersion(this.userAgent)
  }

  get userAgent(): string {
    return this.#initialized.userAgent
  }

  /** Codex home as the server reports it; empty for versions that do not (0.98). */
  get codexHome(): string {
    return this.#initialized.codexHome ?? ''
  }

  /** About the last 8 KiB of stderr, without colour codes. */
  stderrTail(): string {
    return this.#stderr.read()
  }

  /**
   * Ends the process. Closes its stdin, on which codex aborts a running turn cleanly and exits; after `graceMs` (default 2000)
   * sends SIGTERM to its group, and one second later SIGKILL. Resolves when the process is gone. Repeated calls wait for the same
   * end.
   */
  stop(options: { graceMs?: number } = {}): Promise<AppServerExit> {
    this.#stopping ??= this.#stop(options.graceMs ?? DEFAULT_STOP_GRACE_MS)
    return this.#stopping
  }

  /** Ends the process at once with SIGKILL to its group, for a child that must not write another byte. */
  kill(): Promise<AppServerExit> {
    this.#signal('SIGKILL')
    return this.exited
  }

  async #stop(graceMs: number): Promise<AppServerExit> {
    this.#child.stdin.end()
    if (!(await this.#exitsWithin(graceMs))) {
      this.#signal('SIGTERM')
      if (!(await this.#exitsWithin(TERM_GRACE_MS))) this.#signal('SIGKILL')
    }
    return this.exited
  }

  async #initialize(options: AppServerOptions, timeoutMs: number): Promise<void> {
    const { name, version, title = null } = options.clientInfo
    this.#initialized = await this.peer.call(
      'initialize',
      {
        clientInfo: { name, title, version },
        capabilities: {
          experimentalApi: true,
          requestAttestation: false,
          optOutNotificationMethods: [...(options.optOutNotificationMethods ?? [])],
        },
      },
      { timeoutMs },
    )
    this.peer.notify('initialized')
  }

  #watchExit(): Promise<AppServerExit> {
    const child = this.#child
    return new Promise((resolve) => {
      let exit: AppServerExit = { code: null, signal: null }
      let drain: NodeJS.Timeout | undefined
      child.once('exit', (code, signal) => {
        exit = { code, signal }
        // Ends commands that codex started and left behind. The group id cannot have been reused: it was freed just now, if at all.
        signalGroup(this.pid, 'SIGKILL')
        if (code !== 0) {
          // A server that exits on its own has ended its commands; a killed one may not have.
          reapMarkedProcesses(this.mark)
        }
        drain = setTimeout(() => {
          child.stdout.destroy()
          child.stderr.destroy()
          child.stdin.destroy()
        }, DRAIN_MS)
      })
      child.once('close', () => {
        clearTimeout(drain)
        this.peer.close()
        resolve(exit)
      })
      // Also called for a signal that could not be sent. The exit says everything that matters.
      child.on('error', () => undefined)
    })
  }

  #signal(signal: NodeJS.Signals): void {
    // Until the exit is seen the pid is not reaped, so it cannot belong to another process.
    if (this.#child.exitCode === null && this.#child.signalCode === null) signalGroup(this.pid, signal)
  }

  async #exitsWithin(ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), ms)
    })
    try {
      return await Promise.race([this.exited.then(() => true), timeout])
    } finally {
      clearTimeout(timer)
    }
  }

  #onNotification(method: string, params: unknown): void {
    // The server closed one of its own requests (turn interrupted, answered by another client) and would ignore an answer.
    const notification = readNotification(method, params)
    if (notification?.method === 'serverRequest/resolved') this.peer.forgetServerRequest(notification.params.requestId)
  }
}

const spawnChild = async (options: AppServerOptions): Promise<Spawned> => {
  const mark = randomUUID()
  try {
    // Behind setpriv a missing binary would only show as an exit code.
    await access(options.binary, constants.X_OK)
    const { command, args } = await boundToParent(options.binary, appServerArgs(options))
    const child = spawn(command, args, {
      cwd: options.cwd,
      detached: true,
      env: { ...appServerEnv(process.env, options), [PROCESS_MARK_VARIABLE]: mark },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const { pid } = child
    if (pid === undefined) throw await new Promise<Error>((resolve) => child.once('error', resolve))
    return { child, pid, mark }
  } catch (cause) {
    throw new AppServerStartError('spawn', `cannot run ${options.binary}: ${(cause as Error).message}`, { cause })
  }
}

/** Version in a user agent `<originator>/<version> (…)`. The originator may contain spaces, the version never does. */
export const parseUserAgentVersion = (userAgent: string): string | undefined => /\/(\d+\.\d+\.\d+\S*) /.exec(userAgent)?.[1]
