import { type ChildProcess, spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { findExecutable, parentDeathPrefix, poll, signalGroup } from '@codex-bridge/platform'
import { registerGroup, unregisterGroup } from './process-registry.ts'

const READY_POLL_MS = 20

export type ProcessExit = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export type ManagedProcessOptions = {
  /** A path, or a name looked up on PATH. */
  command: string
  args?: readonly string[]
  /** Used in messages; default the command. */
  name?: string
  cwd?: string
  /** Added to the environment of this process; `undefined` removes a variable. */
  env?: Readonly<Record<string, string | undefined>>
  /** `env` replaces the environment of this process instead of extending it. */
  cleanEnv?: boolean
  /** Ready when this is true for the output so far, and `probe` succeeds if there is one. */
  readyWhen?: (output: string) => boolean
  /** Ready when this returns true; an error means "not yet". Calls must not hang. */
  probe?: (managed: ManagedProcess) => boolean | Promise<boolean>
  /** Default 15000. */
  readyTimeoutMs?: number
  /** Time between SIGTERM and SIGKILL in `stop()`; default 5000. */
  graceMs?: number
  /** Characters of output kept (the newest); default 256 Ki. */
  outputLimit?: number
  stdin?: 'ignore' | 'pipe'
  onOutput?: (chunk: string, stream: 'stdout' | 'stderr') => void
}

/** A child in a process group of its own that cannot outlive this process. */
export class ManagedProcess {
  readonly name: string
  readonly pid: number
  /** Resolves when the process has ended and its last output was read. Never rejects. */
  readonly exited: Promise<ProcessExit>
  /** How the process ended; null while it runs. */
  exit: ProcessExit | null = null

  readonly #child: ChildProcess
  readonly #options: ManagedProcessOptions
  readonly #outputLimit: number
  #output = ''
  #dropped = 0

  constructor(child: ChildProcess, pid: number, options: ManagedProcessOptions) {
    this.name = options.name ?? options.command
    this.pid = pid
    this.#child = child
    this.#options = options
    this.#outputLimit = options.outputLimit ?? 256 * 1024
    registerGroup(pid)
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream]?.setEncoding('utf8').on('data', (chunk: string) => this.#collect(chunk, stream))
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        const exit: ProcessExit = { code, signal }
        this.exit = exit
        unregisterGroup(pid)
        // A grandchild may hold the pipes open long after the process is gone, so the wait for them is bounded.
        void Promise.race([closed, sleep(250, undefined, { ref: false })]).then(() => resolve(exit))
      })
    })
  }

  get running(): boolean {
    return this.exit === null
  }

  get stdin(): Writable | null {
    return this.#child.stdin
  }

  /** The newest output, both streams in order of arrival. */
  output(): string {
    return this.#dropped > 0 ? `[${this.#dropped} characters dropped]\n${this.#output}` : this.#output
  }

  /** Signals this process only, as an outside killer would; its children keep running. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): boolean {
    return this.running && this.#child.kill(signal)
  }

  /** Signals the whole process group. */
  killGroup(signal: NodeJS.Signals = 'SIGKILL'): boolean {
    return this.running && signalGroup(this.pid, signal)
  }

  /** Sends SIGTERM, SIGKILL after the grace time, and SIGKILL to the rest of the group. Safe to call twice. */
  async stop(): Promise<ProcessExit> {
    if (!this.running) return this.exited
    this.kill('SIGTERM')
    // A stopped process (SIGSTOP) would not see the SIGTERM.
    this.kill('SIGCONT')
    const timer = new AbortController()
    await Promise.race([this.exited, sleep(this.#options.graceMs ?? 5000, undefined, { signal: timer.signal })])
    timer.abort()
    if (this.running) {
      this.killGroup('SIGKILL')
    } else {
      signalGroup(this.pid, 'SIGKILL')
    }
    return this.exited
  }

  /** Resolves when the process is ready; rejects with its last output if it ends or times out before. */
  async ready(): Promise<void> {
    const { readyWhen, probe, readyTimeoutMs = 15_000 } = this.#options
    let lastProblem = ''
    const isReady = async (): Promise<boolean> => {
      try {
        return (readyWhen === undefined || readyWhen(this.output())) && (probe === undefined || (await probe(this)))
      } catch (error) {
        lastProblem = ` (last probe: ${error instanceof Error ? error.message : String(error)})`
        return false
      }
    }
    const outcome = await poll(async () => (this.running ? (await isReady()) && 'ready' : 'ended'), {
      timeoutMs: readyTimeoutMs,
      everyMs: READY_POLL_MS,
    })
    if (outcome === 'ready') return
    if (this.running) throw new Error(`${this.name} was not ready after ${readyTimeoutMs} ms${lastProblem}\n${this.#tail()}`)
    const { code, signal } = await this.exited
    throw new Error(`${this.name} ended before it was ready (code ${code}, signal ${signal})\n${this.#tail()}`)
  }

  #collect(chunk: string, stream: 'stdout' | 'stderr'): void {
    this.#output += chunk
    // Cut only at twice the limit, so that a chatty process does not cost one copy per chunk.
    if (this.#output.length > 2 * this.#outputLimit) {
      const excess = this.#output.length - this.#outputLimit
      this.#dropped += excess
      this.#output = this.#output.slice(excess)
    }
    this.#options.onOutput?.(chunk, stream)
  }

  #tail(): string {
    return this.#output.slice(-4000)
  }
}

const environmentOf = (options: ManagedProcessOptions): NodeJS.ProcessEnv => {
  const merged = { ...(options.cleanEnv ? {} : process.env), ...options.env }
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined))
}

/** Starts a process without waiting until it is ready; `ready()` does that. Rejects if it cannot be started at all. */
export const spawnProcess = async (options: ManagedProcessOptions): Promise<ManagedProcess> => {
  const path = findExecutable(options.command)
  if (path === undefined) throw new Error(`${options.command} was not found on PATH or is not executable`)
  const [command = path, ...args] = [...parentDeathPrefix(), path, ...(options.args ?? [])]
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: environmentOf(options),
    detached: true,
    stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'],
  })
  if (child.pid === undefined) throw await new Promise<Error>((resolve) => child.once('error', resolve))
  child.on('error', () => undefined)
  return new ManagedProcess(child, child.pid, options)
}

/** Starts a process and resolves when it is ready; on failure nothing of it is left running. */
export const startProcess = async (options: ManagedProcessOptions): Promise<ManagedProcess> => {
  const managed = await spawnProcess(options)
  try {
    await managed.ready()
    return managed
  } catch (error) {
    managed.killGroup('SIGKILL')
    await managed.exited
    throw error
  }
}
