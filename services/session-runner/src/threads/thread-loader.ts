import { setTimeout as sleep } from 'node:timers/promises'
import {
  type AppServerProcess,
  type AskForApproval,
  classifyResumeError,
  type ResumeErrorKind,
  RpcError,
  type SandboxMode,
  type SandboxPolicy,
  type Thread,
  type ThreadResumeParams,
  type ThreadStartParams,
} from '@codex-bridge/codex-client'
import { BridgeError, type LaneState, type SessionState, type ThreadSummary, type ThreadWriter } from '@codex-bridge/contracts'

/** What Codex may do on a thread, as it says itself. */
export type ThreadSettings = { approvalPolicy: AskForApproval; sandbox: string }

/** Settings a thread gets when it is taken over from another program. */
export type TakeoverSettings = { approvalPolicy: AskForApproval; sandbox: SandboxMode }

/** A loaded (or, when deferred, a merely known) thread. */
export type LoadedThread = {
  thread: ThreadSummary
  stored: boolean
  readiness: { deferred: boolean; reason: string | null }
  /** Null while deferred. */
  settings: ThreadSettings | null
  replacedThreadId?: string
}

export type LoaderOptions = {
  server: AppServerProcess
  lane: LaneState
  cwd: string
  takeover: TakeoverSettings
  /** Who else has a thread open, as far as it can be seen. */
  holderOf: (threadId: string) => ThreadWriter | null
  /** @throws BridgeError when Codex may not work in this folder */
  assertAllowed: (cwd: string) => void
}

/** How long a lock held by a process that is just ending is waited for, in milliseconds. */
const LOCK_PATIENCE_MS = 5000
const LOCK_RETRY_MS = 250

type Unready = Exclude<ResumeErrorKind, 'other'>

export const OFFERS: Record<Unready, string[]> = {
  no_rollout: ['wait until the thread had its first turn', 'start a new thread'],
  active_writer: ['wait until the other process lets go', 'fork the thread', 'follow it read-only'],
  archived: ['unarchive the thread'],
}

/** Gives a session its thread: a new one, or the one it had or was asked to take over. */
export class ThreadLoader {
  readonly #options: LoaderOptions

  constructor(options: LoaderOptions) {
    this.#options = options
  }

  /** @throws BridgeError `readiness_blocked` (details: why, who holds it, and what is offered) or `codex_error` */
  async load(session: SessionState): Promise<LoadedThread> {
    const { threadId } = session
    if (threadId === null) return await this.#startThread()
    try {
      return await this.#resumePatiently(threadId, session.attached === true)
    } catch (error) {
      const kind = classifyResumeError(error)
      if (kind === 'other') throw codexError(error)
      // Nothing of our own new thread was ever stored, so a fresh one loses nothing; the event says so.
      if (kind === 'no_rollout' && !session.threadStored) return { ...(await this.#startThread()), replacedThreadId: threadId }
      if (kind !== 'archived' && this.#options.lane.readinessMode === 'lenient') {
        const thread = { id: threadId, name: null, cwd: null }
        return { thread, stored: true, readiness: { deferred: true, reason: kind }, settings: null }
      }
      throw readinessError(kind, threadId, (error as Error).message, this.#options.holderOf)
    }
  }

  /** One more try at a thread that was not ready. @returns why it still is not. @throws BridgeError for anything else */
  async retry(session: SessionState): Promise<LoadedThread | Unready> {
    try {
      return await this.#resume(session.threadId ?? '', session.attached === true)
    } catch (error) {
      const kind = classifyResumeError(error)
      if (kind === 'other') throw codexError(error)
      return kind
    }
  }

  /** Loads a thread again that Codex has let go of under a live session, as archiving does. @throws BridgeError as load */
  async reload(session: SessionState): Promise<void> {
    const threadId = session.threadId ?? ''
    try {
      await this.#resume(threadId, session.attached === true)
    } catch (error) {
      const kind = classifyResumeError(error)
      throw kind === 'other' ? codexError(error) : readinessError(kind, threadId, (error as Error).message, this.#options.holderOf)
    }
  }

  async #startThread(): Promise<LoadedThread> {
    const { server, cwd, lane } = this.#options
    const { model, title, acceptanceCriteria } = lane
    const params = {
      cwd,
      ...(model !== null && { model }),
      ...(acceptanceCriteria.length > 0 && { developerInstructions: criteria(acceptanceCriteria) }),
    } as ThreadStartParams
    const started = await this.#call(() => server.peer.call('thread/start', params))
    const { thread } = started
    // Naming a thread also stores it, so from here on it can be resumed after a crash.
    if (title !== null) await this.#call(() => server.peer.call('thread/name/set', { threadId: thread.id, name: title }))
    return {
      thread: { ...summary(thread), ...(title !== null && { name: title }) },
      stored: title !== null,
      readiness: { deferred: false, reason: null },
      settings: settingsOf(started),
    }
  }

  async #resumePatiently(threadId: string, attached: boolean): Promise<LoadedThread> {
    const deadline = Date.now() + LOCK_PATIENCE_MS
    for (;;) {
      try {
        return await this.#resume(threadId, attached)
      } catch (error) {
        if (classifyResumeError(error) !== 'active_writer' || Date.now() > deadline) throw error
        // The predecessor of a recovered session may still be letting go of the thread; a foreign program will not.
        const holder = this.#options.holderOf(threadId)
        if (holder && holder.surface !== 'bridge') throw error
        await sleep(LOCK_RETRY_MS)
      }
    }
  }

  async #resume(threadId: string, attached: boolean): Promise<LoadedThread> {
    const { server, takeover, lane, cwd, assertAllowed } = this.#options
    const params: ThreadResumeParams = {
      threadId,
      excludeTurns: true,
      // A thread comes back with the settings of its last turn, `never` with full access among them: those of another program
      // must not apply unseen. What was set here stays with threads of our own.
      ...(attached && takeover),
      ...(attached && lane.model !== null && { model: lane.model }),
      ...(attached && (lane.worktreePath ?? lane.repoRoot) !== null && { cwd }),
    }
    const resumed = await server.peer.call('thread/resume', params)
    assertAllowed(resumed.cwd)
    return {
      thread: { ...summary(resumed.thread), cwd: resumed.cwd },
      stored: true,
      readiness: { deferred: false, reason: null },
      settings: settingsOf(resumed),
    }
  }

  async #call<R>(call: () => Promise<R>): Promise<R> {
    try {
      return await call()
    } catch (error) {
      throw codexError(error)
    }
  }
}

const summary = (thread: Thread): ThreadSummary => ({ id: thread.id, name: thread.name ?? null, cwd: thread.cwd })

/** Codex answers the sandbox as a policy object and takes it as a mode: the mode is what people know. */
const settingsOf = ({ approvalPolicy, sandbox }: { approvalPolicy: AskForApproval; sandbox: SandboxPolicy }): ThreadSettings => ({
  approvalPolicy,
  sandbox: sandbox.type.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
})

const criteria = (lines: string[]): string => `The work is accepted when all of this holds:\n${lines.map((line) => `- ${line}`).join('\n')}`

/** A refusal of `thread/resume` in the bridge's terms: why, who stands in the way, and what can be done. */
export const readinessError = (
  kind: Unready,
  threadId: string,
  message: string,
  holderOf: (threadId: string) => ThreadWriter | null,
): BridgeError =>
  new BridgeError('readiness_blocked', message, {
    details: { reason: kind, threadId, ...(kind === 'active_writer' && { holder: holderOf(threadId) }), offers: OFFERS[kind] },
  })

/** What Codex answered, as an error of the bridge; a lost or silent process keeps its own code. */
export const codexError = (error: unknown): BridgeError => {
  if (error instanceof BridgeError) return error
  if (error instanceof RpcError)
    return new BridgeError('codex_error', error.message, { details: { code: error.code, data: error.data ?? null }, cause: error })
  const timedOut = error instanceof Error && error.name === 'RpcTimeoutError'
  return new BridgeError(timedOut ? 'codex_timeout' : 'codex_unavailable', (error as Error).message, { cause: error })
}
