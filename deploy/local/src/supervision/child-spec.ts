/** How a supervised process is started, recognised as ready and stopped. */
export type ChildSpec = {
  name: string
  command: string
  args: string[]
  /** The complete environment; nothing is inherited. */
  env: Record<string, string>
  cwd?: string
  /** True for the line of its own output that reports readiness, so another process on its port cannot be mistaken for it. */
  isReady: (line: string) => boolean
  readyTimeoutMs: number
  /** Time between SIGTERM and SIGKILL. */
  graceMs: number
  /** Number of runs that may end before the first readiness; then the start has failed. */
  attempts: number
}

export type ChildExit = { code: number | null; signal: NodeJS.Signals | null; problem?: string }

/** Describes an exit. */
export const exitWords = ({ code, signal, problem }: ChildExit): string => problem ?? (signal ? `signal ${signal}` : `code ${code}`)

/** A process could not be started; `evidence` is its last output. */
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
