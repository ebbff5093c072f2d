import { randomUUID } from 'node:crypto'
import { type RpcPeer, RpcTimeoutError } from '@codex-bridge/codex-client'
import type { CommandResult } from '@codex-bridge/contracts'
import type { VerificationEnd } from '../sessions/session-decider.ts'

/** How many trailing characters of a command's output go into the event. */
const TAIL_CHARS = 4000
/** The app-server ends the command at its timeout; this much later, in milliseconds, the call itself fails. */
const CALL_GRACE_MS = 5000

export type VerificationOptions = { commands: string[]; cwd: string; timeoutMs: number; signal: AbortSignal }

/** Runs a lane's verification commands in order in the app-server's sandbox. The first failure ends the run. */
export const runVerification = async (
  peer: RpcPeer,
  options: VerificationOptions,
): Promise<Pick<VerificationEnd, 'status' | 'results'>> => {
  const results: CommandResult[] = []
  for (const command of options.commands) {
    if (options.signal.aborted) return { status: 'interrupted', results }
    const result = await runCommand(peer, command, options)
    results.push(result)
    if (options.signal.aborted) return { status: 'interrupted', results }
    if (result.exitCode !== 0) return { status: 'failed', results }
  }
  return { status: 'passed', results }
}

const runCommand = async (peer: RpcPeer, command: string, { cwd, timeoutMs, signal }: VerificationOptions): Promise<CommandResult> => {
  const started = performance.now()
  const processId = `verify-${randomUUID()}`
  // The command may have ended meanwhile; if it has not, its own deadline ends it.
  const terminate = () => void peer.call('command/exec/terminate', { processId }).catch(() => undefined)
  signal.addEventListener('abort', terminate, { once: true })
  const took = () => Math.round(performance.now() - started)
  try {
    const done = await peer.call(
      'command/exec',
      { command: ['bash', '-lc', command], cwd, timeoutMs, processId },
      { timeoutMs: timeoutMs + CALL_GRACE_MS },
    )
    const timedOut = done.exitCode !== 0 && took() >= timeoutMs
    return { command, exitCode: done.exitCode, durationMs: took(), timedOut, outputTail: tail(`${done.stdout}${done.stderr}`) }
  } catch (error) {
    return {
      command,
      exitCode: null,
      durationMs: took(),
      timedOut: error instanceof RpcTimeoutError,
      outputTail: '',
      error: (error as Error).message,
    }
  } finally {
    signal.removeEventListener('abort', terminate)
  }
}

const tail = (output: string): string => (output.length > TAIL_CHARS ? `…${output.slice(-TAIL_CHARS)}` : output)
