import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import type { Readable, Writable } from 'node:stream'
import type { InitializeResponse } from '../generated/index.ts'
import { RpcPeer } from '../rpc/rpc-peer.ts'
import type { RpcPeerOptions } from '../rpc/rpc-peer-options.ts'
import { AppServerStartError } from './app-server-errors.ts'
import { type AppServerArgsOptions, type AppServerEnvOptions, appServerArgs, appServerEnv, boundToParent } from './launch.ts'
import { PROCESS_MARK_VARIABLE, reapMarkedProcesses } from './marked-process-reaper.ts'
import { type ProcessIdentity, readProcessIdentity, readStartTimeTicks, signalGroup } from './process-identity.ts'
import { StderrTail } from './stderr-tail.ts'

const DEFAULT_START_TIMEOUT_MS = 15_000
const DEFAULT_STOP_GRACE_MS = 2000
/** After SIGTERM codex needs 9–40 ms; this is only for one that no longer reacts. */
const TERM_GRACE_MS = 1000
/** A grandchild may hold the output pipes open after the exit; what codex itself wrote is there at once. */
const DRAIN_MS = 250

type Child = ChildProcessByStdio<Writable, Readable, Readable>

interface Spawned {
  child: Child
  pid: number
  mark: string
}

export interface AppServerOptions extends AppServerEnvOptions, AppServerArgsOptions {
  /** Path of the native codex binary, see `resolveCodexBinary`. */
  binary: string
  /** Working folder of the server; relative `cwd` values in requests resolve against it. */
  cwd?: string
  /** `name` becomes the originator of every thread this process makes. */
  clientInfo: { name: string; version: string; title?: string | null }
  /** Exact names of notifications not to be sent. */
  optOutNotificationMethods?: readonly string[]
  /** For spawn and handshake together, in milliseconds. Default 15 000. */
  startTimeoutMs?: number
  /** Handlers and limits of the peer. Given here they miss nothing; `configWarning` comes right after the handshake. */
  peer?: Omit<RpcPeerOptions, 'readable' | 'writable'>
}

/** How a process ended: an exit code or a signal, the other is null. */
export interface AppServerExit {
  code: number | null
  signal: NodeJS.Signals | null
}

/**
 * One `codex app-server` child on stdio, initialised and ready. It leads its own process group, ends when its stdin ends, and on
 * Linux with setpriv also gets SIGTERM when this process dies.
 */
export class AppServerProcess {
  readonly pid: number
  /** Proof of identity for a later reaper; undefined when the platform cannot tell. */
  readonly identity: ProcessIdentity | undefined
  /** Linux only: start time in clock ticks since boot. */
  readonly startTimeTicks: number | undefined
  /** Value of {@link PROCESS_MARK_VARIABLE} in the child and in all it starts; for `reapMarkedProcesses` in a later process. */
  readonly mark: string
  readonly peer: RpcPeer
  /** Resolves once the process is gone and its last output has been handled. Never rejects. */
  readonly exited: Promise<AppServerExit>
  readonly #child: Child
  readonly #stderr: StderrTail
  #initialized: InitializeResponse = { userAgent: '', codexHome: '', platformFamily: '', platformOs: '' }
  #stopping: Promise<AppServerExit> | undefined

  private constructor({ child, pid, mark }: Spawned, peerOptions: AppServerOptions['peer']) {
    this.#child = child
    this.pid = pid
    this.mark = mark
    this.identity = readProcessIdentity(pid)
    this.startTimeTicks = readStartTimeTicks(pid)
    this.#stderr = new StderrTail()
    child.stderr.on('data', (chunk: Buffer) => this.#stderr.push(chunk))
    child.stderr.on('error', () => undefined)
    this.peer = new RpcPeer({ ...peerOptions, readable: child.stdout, writable: child.stdin })
    this.peer.onNotification((method, params) => this.#onNotification(method, params))
    this.exited = this.#watchExit()
  }

  /**
   * Spawns codex and initialises it (experimental API on).
   * @throws AppServerStartError the binary cannot be run, ended early, or did not answer in time; nothing is left running then
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

  /** Version from the handshake, e.g. `0.169.0`; undefined when the user agent does not tell. */
  get codexVersion(): string | undefined {
    return parseUserAgentVersion(this.userAgent)
  }

  get userAgent(): string {
    return this.#initialized.userAgent
  }

  /** Codex's home as the server names it; empty for versions that do not (0.98). */
  get codexHome(): string {
    return this.#initialized.codexHome
  }

  /** The last about 8 KiB of stderr, without colour codes. */
  stderrTail(): string {
    return this.#stderr.read()
  }

  /**
   * Ends the process: closes its stdin (codex aborts a running turn cleanly and exits), after `graceMs` (default 2000) SIGTERM to
   * its group, one second later SIGKILL. Resolves when it is gone. Calling it again waits for the same end.
   */
  stop(options: { graceMs?: number } = {}): Promise<AppServerExit> {
    this.#stopping ??= this.#stop(options.graceMs ?? DEFAULT_STOP_GRACE_MS)
    return this.#stopping
  }

  /** Ends the process without ceremony: SIGKILL to its group. For a child that must not write one more byte. */
  kill(): Promise<AppServerExit> {
    this.#signal('SIGKILL')
    return this.exited
  }

  async #stop(graceMs: number): Promise<AppServerExit> {
    this.#child.stdin.end()
    if (!(await this.#exitsWithin(graceMs))) {
      this.#signal('SIGTERM')
      if (!(await this.#exitsWithin(TERM_GRACE_MS))) {
        this.#signal('SIGKILL')
      }
    }
    return this.exited
  }

  async #initialize(options: AppServerOptions, timeoutMs: number): Promise<void> {
    const { name, version, title = null } = options.clientInfo
    const answer = await this.peer.call(
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
    this.#initialized = { ...this.#initialized, ...answer }
    this.peer.notify('initialized')
  }

  #watchExit(): Promise<AppServerExit> {
    const child = this.#child
    return new Promise((resolve) => {
      let exit: AppServerExit = { code: null, signal: null }
      let drain: NodeJS.Timeout | undefined
      child.once('exit', (code, signal) => {
        exit = { code, signal }
        // Commands codex had started and left behind. The group id cannot have been reused: it was freed only now, if at all.
        signalGroup(this.pid, 'SIGKILL')
        if (code !== 0) {
          // One that exits by itself has ended its commands; one that was killed may not have got to it.
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
      // A signal that could not be sent also ends up here; the exit tells all there is to know.
      child.on('error', () => undefined)
    })
  }

  #signal(signal: NodeJS.Signals): void {
    // As long as the exit has not been seen the pid is not reaped, so it cannot belong to anybody else.
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      signalGroup(this.pid, signal)
    }
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
    // The server closed one of its requests itself (turn interrupted, answered by another client): an answer would be ignored.
    if (method === 'serverRequest/resolved') {
      const requestId = (params as { requestId?: unknown } | null)?.requestId
      if (typeof requestId === 'number' || typeof requestId === 'string') {
        this.peer.forgetServerRequest(requestId)
      }
    }
  }
}

async function spawnChild(options: AppServerOptions): Promise<Spawned> {
  const mark = randomUUID()
  try {
    // Through setpriv a missing binary would only show as an exit code.
    await access(options.binary, constants.X_OK)
    const { command, args } = await boundToParent(options.binary, appServerArgs(options))
    const child = spawn(command, args, {
      cwd: options.cwd,
      detached: true,
      env: { ...appServerEnv(process.env, options), [PROCESS_MARK_VARIABLE]: mark },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const { pid } = child
    if (pid === undefined) {
      throw await new Promise<Error>((resolve) => child.once('error', resolve))
    }
    return { child, pid, mark }
  } catch (cause) {
    throw new AppServerStartError('spawn', `cannot run ${options.binary}: ${(cause as Error).message}`, { cause })
  }
}

/** Version in a user agent `<originator>/<version> (…)`. The originator may hold spaces, the version never does. */
export function parseUserAgentVersion(userAgent: string): string | undefined {
  return /\/(\d+\.\d+\.\d+\S*) /.exec(userAgent)?.[1]
}
