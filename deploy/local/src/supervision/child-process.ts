import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentDeathPrefix, processIdentity, signalGroup } from '@codex-bridge/platform'
import { writePrivateFile } from '../bridge/private-file.ts'
import type { ChildExit, ChildSpec } from './child-spec.ts'

/** A grandchild may hold the output open long after the process is gone. */
const LAST_OUTPUT_MS = 250

export type ChildListener = { onChunk: (chunk: Buffer) => void; onLine: (line: string) => void }

/**
 * One run of a supervised process, in a process group of its own that cannot outlive this process. Where the kernel cannot bind it to
 * its parent, services exit when their stdin closes, and the next start or stop reaps the rest.
 */
export class ChildRun {
  readonly pid: number | undefined
  readonly startedAt = performance.now()
  /** Resolves when the process has ended, its last output was read and nothing of its group is left. Never rejects. */
  readonly exited: Promise<ChildExit>
  readonly #child: ChildProcess
  #ended = false

  constructor(spec: ChildSpec, identityFile: string, listener: ChildListener) {
    const [command = spec.command, ...args] = [...parentDeathPrefix(), spec.command, ...spec.args]
    // The pipe to stdin stays open as long as this process lives; its end tells the child that its parent is gone.
    const child = spawn(command, args, { cwd: spec.cwd, env: spec.env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child = child
    this.pid = child.pid
    const identity = child.pid === undefined ? undefined : processIdentity(child.pid)
    if (identity) writePrivateFile(identityFile, JSON.stringify({ name: spec.name, ...identity }))
    child.stdin.on('error', () => undefined)
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', listener.onChunk)
      createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', listener.onLine)
    }
    this.exited = this.#watch(identityFile)
  }

  get running(): boolean {
    return !this.#ended
  }

  /** Signals the process alone, as an outside killer would. */
  signal(signal: NodeJS.Signals): boolean {
    return this.running && this.#child.kill(signal)
  }

  /** Kills the process and everything in its group. */
  killGroup(): void {
    if (this.pid !== undefined) signalGroup(this.pid, 'SIGKILL')
  }

  /** Sends SIGTERM, and SIGKILL to the group after the grace time. */
  async end(graceMs: number): Promise<ChildExit> {
    this.signal('SIGTERM')
    // A process stopped by SIGSTOP would not see the SIGTERM.
    this.signal('SIGCONT')
    const timer = new AbortController()
    await Promise.race([this.exited, sleep(graceMs, undefined, { signal: timer.signal }).catch(() => undefined)])
    timer.abort()
    if (this.running) this.killGroup()
    return this.exited
  }

  async #watch(identityFile: string): Promise<ChildExit> {
    const child = this.#child
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
    const exit = await new Promise<ChildExit>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
      child.once('error', (error) => {
        if (child.pid === undefined) resolve({ code: null, signal: null, problem: error.message })
      })
    })
    this.#ended = true
    this.killGroup()
    rmSync(identityFile, { force: true })
    await Promise.race([closed, sleep(LAST_OUTPUT_MS)])
    return exit
  }
}
