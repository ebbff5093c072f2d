/** How a supervised process is started, recognised as ready, and stopped. */
export type ChildSpec = {
  name: string
  command: string
  args: string[]
  /** The whole environment of the process: nothing is inherited. */
  env: Record<string, string>
  cwd?: string
  /** Holds for the line of its own output by which it says that it works: no other process on its port can be mistaken for it. */
  isReady: (line: string) => boolean
  readyTimeoutMs: number
  /** Between SIGTERM and SIGKILL. */
  graceMs: number
  /** How often it may end before its first ready until starting it counts as failed. */
  attempts: number
}

export type ChildExit = { code: number | null; signal: NodeJS.Signals | null; problem?: string }

/** An end in words. */
export const exitWords = ({ code, signal, problem }: ChildExit): string => problem ?? (signal ? `signal ${signal}` : `code ${code}`)

/** A process that should run could not be started; `evidence` are its last words. */
export class ChildStartError extends Error {
  override readonly name = 'ChildStartError'
  readonly child: string
  readonly evidence: readonly string[]

  constructor(child: string, what: string, evidence: readonly string[]) {
    super([`${child} ${what}`, ...evidence.map((line) => `  ${line}`)].join('\n'))
    this.child = child
    this.evidence = evidence
  }
}
