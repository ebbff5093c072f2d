/** codex app-server could not be started. Nothing is left running. */
export class AppServerStartError extends Error {
  override readonly name = 'AppServerStartError'
  /** `spawn`: the binary could not be executed. `handshake`: it ran but ended or did not answer in time. */
  readonly stage: 'spawn' | 'handshake'
  readonly exit: { code: number | null; signal: NodeJS.Signals | null } | undefined
  /** The end of its stderr. */
  readonly stderr: string

  constructor(
    stage: 'spawn' | 'handshake',
    message: string,
    details: { cause: unknown; exit?: { code: number | null; signal: NodeJS.Signals | null }; stderr?: string },
  ) {
    super(message, { cause: details.cause })
    this.stage = stage
    this.exit = details.exit
    this.stderr = details.stderr ?? ''
  }
}
