import { spawn } from 'node:child_process'
import { signalGroup } from '@codex-bridge/platform'
import { boundToParent } from '../app-server/launch.ts'

export type BoundedCommand = {
  /** Absolute path: no shell and no search. */
  binary: string
  args: readonly string[]
  cwd: string
  /** The whole environment, nothing is added. */
  env: Readonly<Record<string, string>>
  timeoutMs: number
}

/** `code` is null when a signal ended the command. */
export type CommandEnd = {
  code: number | null
  stdout: string
  stderr: string
  timedOut: boolean
}

/** More output than this ends the command. No command that is run this way needs more. */
const MAX_OUTPUT_BYTES = 32 * 1024 * 1024
/** Time from SIGTERM, on which a program can clean up, to SIGKILL. */
const TERM_GRACE_MS = 1000
/** How long the pipes may stay open after the exit: a helper that left the group may hold them. The program's own output arrives at once. */
const DRAIN_MS = 250

/**
 * Runs a short-lived program without input and waits for its end, at most until its deadline. Its process group ends with it, and it
 * gets SIGTERM when this process dies.
 * @throws Error of the spawn: no such file, no such folder, no permission
 */
export const runBounded = async ({ binary, args, cwd, env, timeoutMs }: BoundedCommand): Promise<CommandEnd> => {
  const bound = await boundToParent(binary, args)
  const child = spawn(bound.command, bound.args, { cwd, env: { ...env }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  let bytes = 0
  let timedOut = false
  let kill: NodeJS.Timeout | undefined
  let drain: NodeJS.Timeout | undefined
  const end = (signal: NodeJS.Signals) => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) signalGroup(child.pid, signal)
  }
  const collect = (into: Buffer[]) => (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= MAX_OUTPUT_BYTES) into.push(chunk)
    else end('SIGKILL')
  }
  child.stdout.on('data', collect(output.stdout))
  child.stderr.on('data', collect(output.stderr))
  const deadline = setTimeout(() => {
    timedOut = true
    end('SIGTERM')
    kill = setTimeout(() => end('SIGKILL'), TERM_GRACE_MS)
  }, timeoutMs)
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', () => {
        if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL')
        drain = setTimeout(() => {
          child.stdout.destroy()
          child.stderr.destroy()
        }, DRAIN_MS)
      })
      child.once('close', resolve)
    })
    return { code, stdout: Buffer.concat(output.stdout).toString(), stderr: Buffer.concat(output.stderr).toString(), timedOut }
  } finally {
    clearTimeout(deadline)
    clearTimeout(kill)
    clearTimeout(drain)
  }
}
