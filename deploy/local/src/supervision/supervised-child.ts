import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DataLayout } from '../bridge/data-layout.ts'
import { ChildRun } from './child-process.ts'
import { type ChildExit, type ChildSpec, ChildStartError, exitWords } from './child-spec.ts'
import { LogFile } from './log-file.ts'
import { explanation, readableProblem } from './log-line.ts'
import { nextRestart, noRestarts } from './restart-schedule.ts'

export type ChildContext = { layout: DataLayout; restart: boolean; say: (line: string) => void }

/** A problem is shown again only after this time: during an outage of NATS every service repeats itself. */
const SAME_PROBLEM_MS = 10_000
const RECENT_LINES = 50
const ENDING_SIGNALS: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGABRT']

type Latch = { promise: Promise<void>; open: () => void; fail: (error: Error) => void }

const latch = (): Latch => {
  let open: Latch['open'] = () => undefined
  let fail: Latch['fail'] = () => undefined
  const promise = new Promise<void>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  // A failure without a waiter is in the log.
  promise.catch(() => undefined)
  return { promise, open, fail }
}

/** A process that is kept running: whenever it ends unasked it is restarted, with growing delays. */
export class SupervisedChild {
  readonly spec: ChildSpec
  readonly log: LogFile
  readonly #context: ChildContext
  #run: ChildRun | undefined
  #ready = latch()
  #everReady = false
  #wanted = false
  #pause = new AbortController()
  #life: Promise<void> = Promise.resolve()
  #recent: string[] = []
  readonly #shown = new Map<string, number>()

  constructor(spec: ChildSpec, context: ChildContext) {
    this.spec = spec
    this.#context = context
    this.log = new LogFile(join(context.layout.logDir, `${spec.name}.log`))
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#run?.running ? this.#run.pid : undefined
  }

  /**
   * Starts it and waits until it is ready.
   * @throws ChildStartError with its last output
   */
  async start(): Promise<void> {
    if (this.#wanted) return this.#ready.promise
    this.#wanted = true
    this.#everReady = false
    this.#ready = latch()
    this.#pause = new AbortController()
    const { name, readyTimeoutMs } = this.spec
    const timer = setTimeout(() => this.#fail(`was not ready after ${Math.round(readyTimeoutMs / 1000)} s`), readyTimeoutMs)
    this.#life = this.#live().catch((error: unknown) => this.#context.say(`${name}: ${String(error)}`))
    try {
      await this.#ready.promise
    } catch (error) {
      await this.stop(true)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** Resolves when the current run is ready. */
  whenReady(): Promise<void> {
    return this.#ready.promise
  }

  /** Signals the process alone. If that ends it, it is restarted. For a signal that ends it, resolves once it has ended. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    const run = this.#run
    if (run?.signal(signal) && ENDING_SIGNALS.includes(signal)) await run.exited
  }

  /** From now on it is not restarted. */
  retire(): void {
    this.#wanted = false
    this.#pause.abort()
  }

  /** Stops it until the next `start`. `now` skips the grace time, also that of an earlier call. */
  async stop(now = false): Promise<void> {
    this.retire()
    this.#ready.fail(new ChildStartError(this.spec.name, 'was stopped', []))
    const run = this.#run
    if (run?.running) {
      if (now) run.killGroup()
      else await run.end(this.spec.graceMs)
    }
    await this.#life
  }

  async #live(): Promise<void> {
    let state = noRestarts
    let ends = 0
    while (this.#wanted) {
      const run = this.#spawn()
      const exit = await run.exited
      if (!this.#wanted) return
      const next = nextRestart(state, performance.now() - run.startedAt)
      state = next.state
      ends += 1
      if (this.#giveUp(exit, ends)) return
      this.#context.say(`${this.spec.name} ended (${exitWords(exit)}) — restarting${delayWords(next.delayMs)}`)
      this.#ready = this.#everReady ? latch() : this.#ready
      await sleep(next.delayMs, undefined, { signal: this.#pause.signal }).catch(() => undefined)
    }
  }

  #giveUp(exit: ChildExit, ends: number): boolean {
    const never = !this.#everReady
    if (never && (ends >= this.spec.attempts || !this.#context.restart)) {
      this.#fail(`could not be started: it ended (${exitWords(exit)})`)
      return true
    }
    if (this.#context.restart) return false
    this.#wanted = false
    this.#context.say(`${this.spec.name} ended (${exitWords(exit)})`)
    return true
  }

  #fail(what: string): void {
    if (this.#everReady) return
    this.#wanted = false
    this.#ready.fail(new ChildStartError(this.spec.name, what, explanation(this.#recent.join('\n'))))
  }

  #spawn(): ChildRun {
    this.#recent = []
    const { layout } = this.#context
    this.#run = new ChildRun(this.spec, join(layout.runDir, `${this.spec.name}.json`), {
      onChunk: (chunk) => this.log.write(chunk),
      onLine: (line) => this.#read(line),
    })
    return this.#run
  }

  #read(line: string): void {
    this.#recent.push(line)
    if (this.#recent.length > RECENT_LINES) this.#recent.shift()
    if (this.spec.isReady(line)) {
      this.#everReady = true
      this.#ready.open()
    }
    const problem = readableProblem(line)
    if (problem === undefined) return
    const now = performance.now()
    const before = this.#shown.get(problem)
    if (before !== undefined && now - before < SAME_PROBLEM_MS) return
    if (this.#shown.size > RECENT_LINES) this.#shown.clear()
    this.#shown.set(problem, now)
    this.#context.say(`${this.spec.name}: ${problem}`)
  }
}

const delayWords = (delayMs: number): string => (delayMs >= 1000 ? ` in ${(delayMs / 1000).toFixed(1)} s` : '')
